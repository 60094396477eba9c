"""One whole run in earnest, at the smallest scale, in a process of its own: ``python background.py FOLDER``.

It has secrets in its environment, and its programs are watched for pickles: :mod:`watched`.
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from clone import CONFIG, copy_repository, snakemake
from watched import watch

DONE = "done.json"


def begin(folder: Path) -> subprocess.Popen | None:
    """Begin the run in a folder, unless another process has done so: then return None.

    As long as it runs it holds a lock beside the folder, which ends with it however it ends.
    """
    with lock_of(folder).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder.mkdir()
        except (BlockingIOError, FileExistsError):
            return None
        support = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": support}
        return subprocess.Popen([sys.executable, __file__, str(folder)], env=environment, pass_fds=[lock.fileno()])


def end(folder: Path) -> Path:
    """Wait for the end of the run that was begun; return its results, two folders below the repository."""
    with lock_of(folder).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    assert (folder / DONE).is_file(), "the process of the whole run was killed"
    status, said = json.loads((folder / DONE).read_text(encoding="utf-8"))
    assert status == 0, said[-5000:]
    assert "Done. Demo run: " in said
    assert "Open results/smallest/report.html" in said
    return folder / "repository/results/smallest"


def lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def main(folder: Path) -> None:
    status, said = 1, "the run was broken off"
    try:
        copy_repository(folder / "repository")
        with watch(folder) as front:
            done = snakemake(folder / "repository", "--configfile", CONFIG, front=front)
        status, said = done.returncode, done.stdout + done.stderr
    finally:
        (folder / DONE).write_text(json.dumps([status, said]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
