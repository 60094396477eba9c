"""A copy of the repository in which the whole pipeline runs in seconds, with stand-ins for the stages' work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from prepared import Prepared

ROOT = Path(__file__).parents[2]
PARTS = (
    "Snakefile",
    "rules",
    "config",
    "envs",
    "slurm",
    "src",
    "workflow",
    "tests/end_to_end",
    "requirements.lock",
    "pyproject.toml",
)
CONFIG = "tests/end_to_end/smallest.yaml"
PREPARED = Prepared()


def copy_repository(folder: Path) -> Path:
    """Copy what the workflow needs."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def snakemake(
    folder: Path, *options: str, front: Path | None = None, prepared: Prepared = PREPARED
) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy; ``front`` is put first on PATH."""
    places = [str(place) for place in (front, Path(sys.executable).parent) if place]
    environment = os.environ | {"PATH": os.pathsep.join([*places, os.environ["PATH"]]), "PYTHONDONTWRITEBYTECODE": "1"}
    # A fresh clone has no installed package; the workflow itself must find its library.
    environment.pop("PYTHONPATH", None)
    return prepared(folder, "--cores", "1", *options, environment=environment)


def command(*words, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Run the command ``recexplainer`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "recexplainer", *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def run_with_stand_ins(folder: Path, scratch: Path, configfiles: tuple[str, ...] = (CONFIG,)) -> None:
    """Run the pipeline with the programs' work replaced by :mod:`stand_in`."""
    scratch.mkdir()
    python = scratch / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "stand_in.py"}" "$@"\n')
    python.chmod(0o755)
    done = snakemake(folder, "--configfile", *configfiles, "--quiet", "rules", front=scratch)
    assert done.returncode == 0, done.stdout + done.stderr


def planned(
    folder: Path, *options: str, configfiles: tuple[str, ...] = (CONFIG,), prepared: Prepared = PREPARED
) -> dict[str, int]:
    """Return the jobs of a dry run: how many of each rule; {} if nothing is to be done."""
    done = snakemake(folder, "--dry-run", "--configfile", *configfiles, *options, prepared=prepared)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:")[1].split("\n\n")[0]
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    del jobs["total"]
    return jobs
