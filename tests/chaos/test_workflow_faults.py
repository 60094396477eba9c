"""Faults that a whole workflow meets: it says what is wrong, and goes on when that is mended."""

import os
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from clone import CONFIG, copy_repository, snakemake
from fingerprints import differences
from killing import Run

RESULTS = "results/smallest"
# What the first stages make; the generator and the filter are quick.
TARGET = f"{RESULTS}/data/games/items.parquet"


def start(folder, *options: str) -> subprocess.CompletedProcess:
    """Ask for the target as a user does."""
    return snakemake(folder, TARGET, "--configfile", CONFIG, "--rerun-incomplete", *options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the repository in which the target is made."""
    folder = copy_repository(tmp_path_factory.mktemp("faults") / "repository")
    done = start(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def disk(tmp_path):
    """Return a copy of the repository, and a function that gives its results a small disk, and changes it."""
    folder = copy_repository(tmp_path / "repository")
    (folder / RESULTS).mkdir(parents=True)
    there = False

    def mount(options: str) -> None:
        nonlocal there
        more = "remount," if there else ""
        command = ["mount", "-t", "tmpfs", "-o", more + options, "tmpfs", str(folder / RESULTS)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no small disk can be mounted here; that takes root")
        there = True

    yield folder, mount
    if there:
        subprocess.run(["umount", str(folder / RESULTS)], check=True)


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(finished, disk):
    folder, mount = disk
    used = sum(path.stat().st_blocks * 512 for path in (finished / RESULTS).rglob("*") if path.is_file())
    mount(f"size={used // 2}")
    done = start(folder)
    assert done.returncode != 0
    assert "No space left on device" in done.stdout + done.stderr
    mount("size=64m")
    done = start(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(finished / RESULTS, folder / RESULTS) == []


def test_read_only_results_are_named(disk):
    folder, mount = disk
    mount("size=8m")
    mount("ro")
    done = start(folder)
    assert done.returncode != 0
    assert "Read-only file system" in done.stdout + done.stderr


def test_a_second_workflow_in_the_same_folder_is_refused_and_the_first_goes_on(finished, tmp_path):
    first = Run(copy_repository(tmp_path / "repository"), [TARGET], [CONFIG], cores=1, hash_seed=0)
    process = first.start()
    try:
        while not first.running():
            assert process.poll() is None, first.text()
            time.sleep(0.05)
        # It stands still, so that it is not over before the second has started.
        os.killpg(process.pid, signal.SIGSTOP)
        second = start(first.folder)
        os.killpg(process.pid, signal.SIGCONT)
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout + second.stderr
        assert "--unlock" in second.stdout + second.stderr
        assert process.wait(600) == 0, first.text()
    finally:
        first.clean_up()
    assert differences(finished / RESULTS, first.folder / RESULTS) == []


def test_a_clock_that_was_set_back_is_named_and_the_run_goes_on_when_it_is_right(finished, tmp_path):
    """The files of a run are from tomorrow; then the filter is changed."""
    folder = shutil.copytree(finished, tmp_path / "back")
    fresh = copy_repository(tmp_path / "fresh")
    for place in (folder, fresh):
        (place / "changed.yaml").write_text(yaml.safe_dump({"datasets": {"games": {"filter": {"core": 6}}}}))

    def shift(seconds: int) -> None:
        for path in (folder / RESULTS).rglob("*"):
            os.utime(path, (path.stat().st_atime + seconds, path.stat().st_mtime + seconds))

    shift(86400)
    done = snakemake(folder, TARGET, "--configfile", CONFIG, "changed.yaml")
    assert done.returncode != 0
    assert "This could indicate a clock skew problem" in done.stdout + done.stderr
    assert not (folder / TARGET).exists()
    shift(-86400)
    for place in (folder, fresh):
        done = snakemake(place, TARGET, "--configfile", CONFIG, "changed.yaml")
        assert done.returncode == 0, done.stdout + done.stderr
    assert differences(folder / RESULTS, fresh / RESULTS) == []
    assert "data/games/interactions.parquet" in differences(folder / RESULTS, finished / RESULTS)
