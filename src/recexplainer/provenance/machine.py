"""The machine and the software that a run was made with."""

import os
import platform
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError


def machine() -> dict[str, Any]:
    """Return ``python``, ``platform``, ``cpu`` (model), ``cores``, ``memory_gib`` and ``gpus`` (names with memory)."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        # Rounded: what the kernel keeps for itself differs from boot to boot.
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "gpus": gpus(),
    }


def _cpu_model() -> str:
    """Return the CPU's name; that of its architecture where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    matched = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return matched.group(1).strip() if matched else platform.processor() or platform.machine()


def gpus() -> list[str]:
    """Return the names and memory of NVIDIA's GPUs; [] if there are none, or no driver."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def version(repository: str | Path) -> str | None:
    """Return the project's version, as its ``pyproject.toml`` has it; None without one.

    It is no part of the library: every stage's digest covers what the library holds, and another version alone calls
    for no rerun.
    """
    try:
        return tomllib.loads(Path(repository, "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def packages(lock: str | Path) -> dict[str, str]:
    """Return the versions of the lock's packages that are installed, by the lock's names.

    Raises:
        InputError: the lock is missing, or a line is neither ``name==version`` nor a hash.
    """
    try:
        lines = Path(lock).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{lock}: {error}; expected the lock of packages.") from None
    versions = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        # The hashes of a package follow on lines of their own.
        if not text or text.startswith("--hash="):
            continue
        name, equals, _ = text.partition("==")
        if not equals:
            raise InputError(f"{lock}, line {number}: {text!r}; expected name==version.")
        try:
            versions[name.strip()] = metadata.version(name.strip())
        except metadata.PackageNotFoundError:
            continue
    return versions


def commit(repository: str | Path, without: str | Path | None = None) -> dict[str, Any]:
    """Return ``commit`` and ``dirty`` of a working tree; both None outside a repository, or without git.

    Args:
        repository: the project's folder. A repository around it does not count: its commit says nothing of the project.
        without: a folder whose files do not make the tree dirty: the results.
    """
    root = Path(repository).resolve()
    unknown = {"commit": None, "dirty": None}
    try:
        if Path(_git(root, "rev-parse", "--show-toplevel").strip()).resolve() != root:
            return unknown
        head = _git(root, "rev-parse", "--verify", "HEAD").strip()
        scope = [":/"]
        if without is not None and Path(without).resolve().is_relative_to(root):
            scope.append(f":(exclude,top,literal){Path(without).resolve().relative_to(root)}")
        return {"commit": head, "dirty": bool(_git(root, "status", "--porcelain", "--", *scope).strip())}
    except (OSError, subprocess.SubprocessError):
        return unknown


def _git(root: Path, *arguments: str) -> str:
    # A caller's own GIT_DIR would point elsewhere; and reading must not write the index.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
