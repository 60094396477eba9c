"""Faults of the machine: a clear message or a clean recovery, never a wrong number."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_llama, tiny_tokenizer

from recexplainer import cli, files
from recexplainer.errors import InputError
from recexplainer.llm.base import checked_folder, make_manifest

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=30_000)
BIG = {
    "text": lambda path: files.write_text(path, "x" * 200_000),
    "json": lambda path: files.write_json(path, NUMBERS.tolist()),
    "csv": lambda path: files.write_csv(path, pd.DataFrame({"a": NUMBERS})),
    "parquet": lambda path: files.write_parquet(path, pd.DataFrame({"a": NUMBERS})),
    "safetensors": lambda path: files.write_safetensors(path, {"a": NUMBERS}),
}


def run_program(code: str, *arguments: str, before=None) -> subprocess.CompletedProcess:
    """Run a program that imports the library."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, preexec_fn=before
    )


def run_stage(folder: Path, before=None) -> subprocess.CompletedProcess:
    """Run a stage as its rule does: the generator of demo data, which writes two files into a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    settings = {"users": 400, "items": 100, "max_length": 10, "format": "amazon"}
    command = [sys.executable, "workflow/scripts/make_demo_data.py", "--settings", json.dumps(settings), "--seed", "1"]
    command += ["--reviews", str(folder / "reviews.gz"), "--metadata", str(folder / "metadata.gz")]
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, preexec_fn=before
    )


@pytest.fixture
def mounted(tmp_path):
    """Return a function that mounts, or mounts again, a memory file system with some options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    there = False

    def mount(options: str) -> Path:
        nonlocal there
        more = "remount," if there else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", more + options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.decode()}")
        there = True
        return folder

    yield mount
    if there:
        subprocess.run(["umount", str(folder)], check=True)


# a full disk, a read-only one


@pytest.mark.parametrize("kind", BIG)
def test_a_full_disk_leaves_the_old_file_and_no_half_one(mounted, kind):
    disk = mounted("size=64k")
    (disk / "file").write_text("old")
    with pytest.raises(OSError) as caught:
        BIG[kind](disk / "file")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(disk / "file"))
    assert [path.name for path in disk.iterdir()] == ["file"]
    assert (disk / "file").read_text() == "old"
    mounted("size=4m")
    BIG[kind](disk / "file")
    BIG[kind](disk.parent / "elsewhere")
    assert (disk / "file").read_bytes() == (disk.parent / "elsewhere").read_bytes()


def test_a_stage_on_a_full_disk_says_so_and_runs_when_there_is_room(mounted, tmp_path):
    disk = mounted("size=16k")
    done = run_stage(disk)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert re.match(r"error: \S+/disk/\w+\.gz: No space left on device\. Make room", line)
    assert "Traceback" not in done.stderr
    assert all(path.name == "reviews.gz" for path in disk.iterdir())
    mounted("size=8m")
    assert run_stage(disk).returncode == 0
    assert run_stage(tmp_path).returncode == 0
    for name in ("reviews.gz", "metadata.gz"):
        assert (disk / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_limit_on_the_size_of_files_is_named(tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = run_stage(tmp_path, before=limit)
    assert done.returncode == 2
    assert "File too large. The limit of a file's size is too low" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_named(mounted):
    disk = mounted("size=1m")
    mounted("ro")
    done = run_stage(disk)
    assert done.returncode == 2
    assert f"{disk}" in done.stderr
    assert "Read-only file system. Choose a folder that can be written to" in done.stderr


def test_an_error_that_is_no_lack_keeps_its_traceback():
    assert cli.lack(OSError(errno.ECONNRESET, "reset")) is None
    assert cli.lack(RuntimeError("shapes do not fit")) is None
    assert cli.lack(ImportError("no module named x")) is None
    assert "data/x: Permission denied. Ask for" in cli.lack(
        PermissionError(errno.EACCES, "Permission denied", "data/x")
    )


# memory


def test_a_stage_without_enough_memory_says_so_and_writes_nothing(tmp_path):
    code = """
import sys
from recexplainer import cli, files

def main(*, output: str):
    import numpy as np
    import resource
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
    files.write_safetensors(output, {"a": np.ones(2**27)})

cli.run(main, "")
"""
    done = run_program(code, "--output", str(tmp_path / "a.safetensors"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: the memory is not enough (")
    assert "Give the rule more memory." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_cannot_even_load_its_libraries_does_not_pass_for_done(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2**26, 2**26))

    done = run_stage(tmp_path, before=limit)
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
    ],
)
def test_torch_without_memory_is_named_too(text):
    assert cli.lack(RuntimeError(text)).startswith(f"the memory is not enough ({text}")


# SIGKILL between the temporary file and its name; two writers of one file

KILLED = """
import os, signal, sys
from recexplainer import files
files.os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
files.write_json(sys.argv[1], list(range(1000)))
"""


def test_a_kill_before_the_rename_leaves_no_file_and_the_next_writer_cleans_up(tmp_path):
    path = tmp_path / "value.json"
    for _ in range(2):
        assert run_program(KILLED, str(path)).returncode == -signal.SIGKILL
        left = list(tmp_path.iterdir())  # the file and its checksum, and no more with every kill
        assert len(left) == 2
        assert all(re.fullmatch(r"\.value\.json\.[0-9a-f]{8}\.partial", path.name) for path in left)
    files.write_json(path, [1])
    assert sorted(tmp_path.iterdir()) == [files.checksum_of(path), path]
    assert files.read_json(path) == [1]


def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, "old")
    assert run_program(KILLED, str(path)).returncode == -signal.SIGKILL
    assert files.read_json(path) == "old"


def test_the_temporary_files_of_other_names_are_left_alone(tmp_path):
    others = [".value.json.part.json.0123abcd.partial", ".value.json.notes.partial", ".other.json.0123abcd.partial"]
    for name in others:
        (tmp_path / name).write_text("")
    files.write_json(tmp_path / "value.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "value.json", ".value.json.sha256"])


def test_of_two_writers_of_one_file_the_second_wins_and_the_first_fails(tmp_path):
    path = tmp_path / "value.txt"
    with pytest.raises(FileNotFoundError), files.atomic(path) as first:
        first.write_text("first, in part")
        with files.atomic(path) as second:
            assert second != first
            second.write_text("second")
    assert path.read_text() == "second"
    assert sorted(tmp_path.iterdir()) == [files.checksum_of(path), path]


# damaged files: whichever byte is changed, no other number is read


def outcomes(path: Path, read, right) -> tuple[int, int]:
    """Change each byte of a file in turn; return how often it was refused and how often it was read the same."""
    whole, refused, same = path.read_bytes(), 0, 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = read(path)
        except InputError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert right(found), f"byte {place} of {len(whole)}"
            same += 1
    return refused, same


def test_a_damaged_parquet_file_is_refused_or_read_the_same(tmp_path):
    frame = pd.DataFrame(
        {
            "item": RNG.integers(0, 1000, 60).astype(np.int32),
            "score": RNG.normal(size=60),
            "title": [f"title {number % 17}" for number in range(60)],
        }
    )
    files.write_parquet(tmp_path / "table.parquet", frame)

    def right(found) -> bool:
        return found.equals(frame)

    refused, same = outcomes(
        tmp_path / "table.parquet", lambda path: files.read_parquet(path, ["item", "score", "title"]), right
    )
    assert refused > same


def test_a_damaged_safetensors_file_is_refused_or_read_the_same(tmp_path):
    tensors = {"user": RNG.normal(size=(8, 4)).astype(np.float32), "item": np.arange(12, dtype=np.int64)}
    files.write_safetensors(tmp_path / "tensors.safetensors", tensors)

    def right(found) -> bool:
        return set(found) == set(tensors) and all(np.array_equal(found[name], tensors[name]) for name in tensors)

    refused, same = outcomes(tmp_path / "tensors.safetensors", files.read_safetensors, right)
    assert refused > 50 * same


def test_a_safetensors_file_without_a_digest_is_read(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.arange(3)}, tmp_path / "foreign.safetensors")
    np.testing.assert_array_equal(files.read_safetensors(tmp_path / "foreign.safetensors")["a"], np.arange(3))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_base_llm_that_is_not_its_manifests_is_refused(tmp_path, name, damage):
    model, manifest = tmp_path / "model", tmp_path / "base.json"
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(model)
    tiny_llama(tokenizer).save_pretrained(model)
    make_manifest(source="folder", folder=str(model), hub_id=None, revision=None, output=str(manifest))
    assert checked_folder(str(manifest), weights=True) == str(model)
    if damage == "changed":
        (model / name).write_text(name.upper())
    else:
        (model / name).unlink()
    with pytest.raises(InputError, match=f"{name}: not the file that {manifest} lists"):
        checked_folder(str(manifest), weights=True)
    if name == "model.safetensors":
        assert checked_folder(str(manifest), weights=False) == str(model)
