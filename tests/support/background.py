"""One whole run in earnest, at the smallest scale, in a process of its own: ``python background.py FOLDER``.

It has secrets in its environment, and its programs are watched for pickles: :mod:`watched`.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from clone import CONFIG, copy_repository, snakemake
from watched import watch

BEGUN, DONE = "begun.json", "done.json"


def begin(folder: Path) -> subprocess.Popen | None:
    """Begin the run in a folder, unless another process has done so: then return None."""
    try:
        folder.mkdir()
    except FileExistsError:
        return None
    support = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen([sys.executable, __file__, str(folder)], env=os.environ | {"PYTHONPATH": support})
    _whole(folder / BEGUN, process.pid)
    return process


def end(folder: Path) -> Path:
    """Wait for the end of the run that was begun; return its results, two folders below the repository."""
    while not (folder / DONE).is_file():
        assert _lives(folder), "the process of the whole run was killed"
        time.sleep(0.5)
    status, said = json.loads((folder / DONE).read_text(encoding="utf-8"))
    assert status == 0, said[-5000:]
    assert "Done. Demo run: " in said
    assert "Open results/smallest/report.html" in said
    return folder / "repository/results/smallest"


def _lives(folder: Path) -> bool:
    """Whether the process still runs, or is only about to; one that has ended has written what came of it."""
    if not (folder / BEGUN).is_file():
        return True
    status = Path("/proc", str(json.loads((folder / BEGUN).read_text(encoding="utf-8"))), "stat")
    # A process that was killed, and whose parent is at work, is a zombie.
    lives = status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return lives or (folder / DONE).is_file()


def _whole(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.rename(path)


def main(folder: Path) -> None:
    status, said = 1, "the run was broken off"
    try:
        copy_repository(folder / "repository")
        with watch(folder) as front:
            done = snakemake(folder / "repository", "--configfile", CONFIG, front=front)
        status, said = done.returncode, done.stdout + done.stderr
    finally:
        _whole(folder / DONE, [status, said])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
