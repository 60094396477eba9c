"""Snakemake that has been imported already: each call is a fork of a process that has done so, and starts at once.

As a program, this file is that process. A line of its input is a call, and the status of that is a line of its output.
"""

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PATIENCE = 1700  # seconds that a call may take


class Prepared:
    """Starts the process at the first call; it ends with this one, if not before.

    Args:
        repository: has its code read as well, once for all calls; for a repository whose code stays as it is.
    """

    def __init__(self, repository: Path | None = None):
        self.arguments = [str(repository)] if repository else []
        self.process: subprocess.Popen | None = None

    def __call__(self, folder: Path, *options: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
        """Run Snakemake with some options in a folder."""
        if self.process is None:
            command = [sys.executable, __file__, *self.arguments]
            plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.process = subprocess.Popen(command, env=plain, text=True, **pipes)
        with tempfile.TemporaryDirectory() as scratch:
            files = [os.path.join(scratch, name) for name in ("stdout", "stderr")]
            call = {"folder": str(folder), "options": options, "environment": environment, "files": files}
            print(json.dumps(call), file=self.process.stdin, flush=True)
            status = int(self.process.stdout.readline())
            texts = [Path(file).read_text(encoding="utf-8") for file in files]
        return subprocess.CompletedProcess(["snakemake", *options], status, *texts)

    def end(self) -> None:
        """End the process."""
        if self.process:
            self.process.communicate()


def become(call: dict) -> None:
    """Be ``python -m snakemake`` in a folder, with an environment of its own."""
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    for number, file in enumerate([os.devnull, *call["files"]]):
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
    tempfile.tempdir = None
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    sys.path[0] = call["folder"]
    sys.argv = ["snakemake", *call["options"]]
    signal.alarm(PATIENCE)
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


def read_code(repository: Path) -> None:
    """Have the repository's code imported as far as its rules need it, and its digests taken."""
    sys.path.insert(1, str(repository / "src"))
    from recexplainer import digest, planning, progress, report  # noqa: F401

    kept = repository / ".snakemake/code_digests.json"
    digest.code_digests(repository / "workflow/scripts", repository / "src", kept=kept)


def main() -> None:
    import jinja2  # noqa: F401
    import jsonschema  # noqa: F401
    import pydantic  # noqa: F401
    import snakemake.cli

    snakemake.cli.get_argument_parser()  # which imports the plugins
    for repository in sys.argv[1:]:
        read_code(Path(repository))
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
