"""The literal command for a cluster, on a real Slurm: what is cancelled, killed or ended goes on, to the same table."""

import json
import os
import re
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
from clone import CONFIG, ROOT, copy_repository, snakemake

RESULTS = "results/smallest"
TABLE = f"{RESULTS}/tables/table2.csv"
# Alignments in two processes each, and checkpoints that come soon.
TWO_PROCESSES = {"alignment": {"gpus": 2, "checkpoint_every": 20}, "run": {"modes": ["hybrid"]}}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if reason := slurm.missing():
        pytest.skip(reason)
    # Its own short path: munge's socket has room for 107 characters.
    with slurm.running(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def clone(folder: Path, results: Path | None = None) -> Path:
    """Return a fresh clone with the profile as a site may have it; with ``results``, after a run elsewhere."""
    copy_repository(folder)
    shutil.copytree(ROOT / "slurm", folder / "slurm")
    profile = folder / "slurm/config.yaml"
    # A cluster without accounts, and jobs of seconds.
    text = profile.read_text(encoding="utf-8").replace("# slurm-status-command", "slurm-status-command")
    profile.write_text(text.replace("status-checks: 10", "status-checks: 3"), encoding="utf-8")
    if results:
        shutil.copytree(results, folder / RESULTS)
        shutil.copytree(results.parents[1] / ".snakemake", folder / ".snakemake")
    return folder


@contextmanager
def submitted(cluster, folder: Path, *options: str):
    """Run the literal command in a clone, as the user of a cluster would; yield it."""
    programs = [str(cluster.folder / "bin"), str(Path(sys.executable).parent), cluster.environment["PATH"]]
    environment = cluster.environment | {"PATH": os.pathsep.join(programs), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    with open(folder / "snakemake.out", "wb") as out:
        command = ["snakemake", "--profile", "slurm", TABLE, *options]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield process
        assert process.wait(timeout=900) == 0, said(folder)[-6000:]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def said(folder: Path) -> str:
    return (folder / "snakemake.out").read_text(encoding="utf-8")


def wait_for(condition, process: subprocess.Popen, folder: Path, seconds: float = 600):
    """Return what the condition gives as soon as it gives something, while the command runs."""
    for _ in range(int(seconds / 0.2)):
        if found := condition():
            return found
        assert process.poll() is None, said(folder)[-6000:]
        time.sleep(0.2)
    raise AssertionError(said(folder)[-6000:])


def job_of(cluster, rule: str) -> str | None:
    """Return the id of a running job of a rule."""
    for line in cluster.ask("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines():
        job, _, comment = line.partition(" ")
        if rule in comment:
            return job
    return None


def ranks(folder: Path) -> list[psutil.Process]:
    """Return the processes that train in a clone, torchrun and the shells around them left out."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "environ"]):
        line, environment = process.info["cmdline"] or [], process.info["environ"] or {}
        if "workflow/scripts/align.py" in line and "RANK" in environment and process.info["cwd"] == str(folder):
            if not any("torchrun" in part for part in line) and "bash" not in line[0]:
                found.append(process)
    return found
