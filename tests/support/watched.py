"""A run with secrets in its environment, and with programs that write down whatever they unpickle.

As a program, this file stands where ``python`` stands: it starts the real program under an audit hook.
"""

import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRETS = {
    name: f"{name.lower().replace('_', '-')}-7h3vAlU3+/n0b0dy=MayS33"
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "MY_OWN_KEY")
}
"""What nobody may find in a file. The values hold characters that JSON, URLs and shells write in other ways."""

FOLDER = "WATCHED_FOLDER"


@contextmanager
def watch(scratch: Path) -> Iterator[Path]:
    """Plant the secrets for as long as it lasts; yield a folder to be put first on PATH.

    In ``scratch``, ``temporary`` and ``cache`` take the run's temporary and cached files, ``programs.txt`` the names of
    the programs, and ``unpickled.txt`` a line for each object that one of them unpickled.
    """
    front, temporary = scratch / "front", scratch / "temporary"
    for folder in (front, temporary):
        folder.mkdir(parents=True)
    python = front / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    python.chmod(0o755)
    planted = SECRETS | {
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        FOLDER: str(scratch),
    }
    before = {name: os.environ.get(name) for name in planted}
    os.environ.update(planted)
    try:
        yield front
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def note(file: str, text: str) -> None:
    """Add a line to one of the files of the run that is watched."""
    with open(Path(os.environ[FOLDER], file), "a", encoding="utf-8") as handle:
        handle.write(text + "\n")


def hook(event: str, arguments: tuple) -> None:
    """Write down what is unpickled, and in which program."""
    if event == "pickle.find_class":
        note("unpickled.txt", f"{Path(sys.argv[0]).name}: {arguments[0]}.{arguments[1]}")


if __name__ == "__main__":
    sys.addaudithook(hook)
    del sys.argv[0]
    note("programs.txt", Path(sys.argv[0]).name)
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
