"""The literal command for a cluster, on a real Slurm: what is cancelled, killed or ended goes on, to the same table."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import slurm
import yaml
from clone import CONFIG, copy_repository, snakemake

pytestmark = pytest.mark.timeout(3600)
RESULTS = "results/smallest"
TABLE = f"{RESULTS}/tables/table2.csv"
ALIGNED = f"{RESULTS}/alignment/games/hybrid/full"
CHECKPOINTS = f"{RESULTS}/checkpoints/games/hybrid/full"
# One alignment in two processes, and checkpoints that come soon.
TWO_PROCESSES = {
    "alignment": {"gpus": 2, "checkpoint_every": 20},
    "run": {"modes": ["hybrid"]},
    "tasks": {"explanation": {"modes": []}},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if reason := slurm.missing():
        pytest.skip(reason)
    with slurm.running(tmp_path_factory.mktemp("slurm")) as started:
        yield started


def clone(folder: Path, config: dict, results: Path | None = None) -> Path:
    """Return a fresh clone with one more config file; with ``results``, as it is after a run elsewhere."""
    copy_repository(folder)
    (folder / "more.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    # What this site differs in: it keeps no accounts, and its jobs take seconds.
    edit(folder, "# slurm-status-command", "slurm-status-command")
    edit(folder, "status-checks: 10", "status-checks: 3")
    if results:
        shutil.copytree(results, folder / RESULTS)
        shutil.copytree(results.parents[1] / ".snakemake", folder / ".snakemake")
    return folder


def edit(folder: Path, before: str, after: str) -> None:
    """Edit the profile as a site would."""
    profile = folder / "slurm/config.yaml"
    text = profile.read_text(encoding="utf-8")
    assert before in text
    profile.write_text(text.replace(before, after), encoding="utf-8")


@contextmanager
def submitted(cluster, folder: Path, target: str):
    """Run the command for a cluster in a clone; it has to succeed."""
    places = [str(cluster.folder / "bin"), str(Path(sys.executable).parent), cluster.environment["PATH"]]
    environment = cluster.environment | {"PATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    command = ["snakemake", "--profile", "slurm", target, "--configfile", CONFIG, "more.yaml"]
    with open(folder / "said.txt", "wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
        assert process.wait(timeout=1800) == 0, said(folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)


def said(folder: Path) -> str:
    """Return the end of what the command and the alignment said."""
    files = [folder / "said.txt", folder / f"{RESULTS}/logs/align/games.hybrid.full.log"]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace")[-5000:] for file in files if file.exists())


def wait_for(condition, process: subprocess.Popen, folder: Path):
    """Return what a condition gives as soon as it gives something, while the command runs."""
    for _ in range(1800 * 5):
        if found := condition():
            return found
        assert process.poll() is None, said(folder)
        time.sleep(0.2)
    raise AssertionError(said(folder))


def running_job(cluster, rule: str) -> str | None:
    """Return the id of a running job of a rule."""
    for line in cluster.ask("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines():
        job, _, comment = line.partition(" ")
        if comment.startswith(f"rule_{rule}"):
            return job
    return None


def saved_step(folder: Path) -> int:
    """Return the step of the alignment's newest checkpoint."""
    try:
        return json.loads((folder / CHECKPOINTS / "latest.json").read_text(encoding="utf-8"))["step"]
    except FileNotFoundError:
        return 0


def rank(folder: Path, number: int) -> psutil.Process | None:
    """Return the process of a rank of the alignment."""
    for process in psutil.process_iter(["name", "cwd"]):
        try:
            if process.info["cwd"] == str(folder) and process.environ().get("RANK") == str(number):
                return process
        except psutil.Error:
            continue
    return None


def record(folder: Path) -> dict:
    return json.loads((folder / ALIGNED / "record.json").read_text(encoding="utf-8"))


def losses(folder: Path) -> list[float]:
    with open(folder / ALIGNED / "loss.csv", newline="", encoding="utf-8") as handle:
        return [float(row["loss"]) for row in csv.DictReader(handle)]


@pytest.fixture(scope="module")
def local(cluster, whole_run, tmp_path_factory):
    """A clone after the same run on this machine alone: the whole run, but for the alignment in two processes."""
    folder = clone(tmp_path_factory.mktemp("local") / "repository", TWO_PROCESSES, whole_run)
    shutil.rmtree(folder / f"{RESULTS}/checkpoints")
    done = snakemake(folder, TABLE, "--configfile", CONFIG, "more.yaml", "--forcerun", "align")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_run_with_a_cancelled_job_a_killed_rank_and_a_time_limit_makes_the_same_table(cluster, local, tmp_path):
    folder = clone(tmp_path / "repository", TWO_PROCESSES)
    with submitted(cluster, folder, TABLE) as process:
        cancelled = wait_for(lambda: running_job(cluster, "filter_dataset"), process, folder)
        cluster.ask("scancel", cancelled)

        wait_for(lambda: saved_step(folder) >= 20, process, folder)
        rank(folder, 1).kill()
        first = wait_for(lambda: running_job(cluster, "align"), process, folder)

        # What Slurm does before a time limit, by the profile's `--signal`: the job's steps are told.
        second = wait_for(lambda: (job := running_job(cluster, "align")) != first and job, process, folder)
        killed_at = saved_step(folder)
        wait_for(lambda: saved_step(folder) > killed_at, process, folder)
        cluster.ask("scancel", "--signal=TERM", second)
        wait_for(lambda: running_job(cluster, "align") != second, process, folder)
        told_at = saved_step(folder)
    assert (folder / TABLE).read_bytes() == (local / TABLE).read_bytes()
    assert losses(folder) == losses(local)
    parts = record(folder)["parts"]
    assert [part["first_step"] for part in parts] == [0, killed_at, told_at]
    assert {part["processes"] for part in parts} == {2}
    failed = {"rule_filter_dataset": [cancelled], "rule_align": [first, second]}
    for rule, jobs in failed.items():
        assert sorted(path.stem for path in (folder / f"results/slurm_logs/{rule}").rglob("*.log")) == sorted(jobs)


def test_one_alignment_on_two_nodes_of_which_one_goes_away(cluster, local, tmp_path):
    config = TWO_PROCESSES | {"alignment": {"nodes": 2, "gpus": 1, "checkpoint_every": 20}}
    folder = clone(tmp_path / "repository", config, local / RESULTS)
    edit(folder, "  align:\n", "  align:\n    slurm_partition: two\n")
    for made in (ALIGNED, CHECKPOINTS):
        shutil.rmtree(folder / made)
    with submitted(cluster, folder, f"{ALIGNED}/record.json") as process:
        job = wait_for(lambda: running_job(cluster, "align"), process, folder)
        assert cluster.ask("squeue", "--noheader", f"--job={job}", "--format=%N") == "node[1-2]\n"
        wait_for(lambda: saved_step(folder) >= 20, process, folder)
        cluster.ask("scancel", "--signal=TERM", job)
        wait_for(lambda: running_job(cluster, "align") != job, process, folder)
        told_at = saved_step(folder)

        wait_for(lambda: saved_step(folder) > told_at, process, folder)
        lost_at = saved_step(folder)
        cluster.lose_node("node2")
        cluster.start_node("node2")
    assert losses(folder) == losses(local)
    assert (record(folder)["batch"]["processes"], record(folder)["batch"]["nodes"]) == (2, 2)
    assert [part["first_step"] for part in record(folder)["parts"]] == [0, told_at, lost_at]
