"""Install whole locks into the environment of this Python: `python envs/install.py LOCK ...`.

uv does it, many packages at a time; it reads none of pip's settings, so they are handed over. Where it fails, pip does
the same, one package after the other. Neither takes a file whose hash the locks do not have.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

LOCKED = ["--quiet", "--require-hashes", "--no-deps", "--no-build-isolation"]
"""What uv and pip are both asked for."""

HANDED_OVER = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "no-index": "UV_NO_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""Settings of pip, and the variables by which uv is told the same."""


def main(locks: list[str]) -> int:
    """Install the locks, and return the exit status."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    if with_uv(locks, listed):
        return 0
    return max(subprocess.call([*pip, "install", *LOCKED, "--no-compile", "--requirement", lock]) for lock in locks)


def with_uv(locks: list[str], listed: str) -> bool:
    """Return whether uv installed the locks; `listed` is what `pip config list` prints."""
    uv = Path(sys.executable).parent / "uv"
    if not uv.is_file():
        return False
    # Beside the packages, so that a file is linked from there instead of being written twice.
    cache = Path(sys.prefix) / ".uv"
    own = {"UV_CACHE_DIR": str(cache), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    command = [str(uv), "pip", "install", "--python", sys.executable, *LOCKED]
    try:
        done = subprocess.run(
            command + [part for lock in locks for part in ("--requirement", lock)],
            env={**settings(listed), **os.environ, **own},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    if done.returncode:
        print(f"uv could not, so pip tries it.\n{done.stderr.strip()}", file=sys.stderr)
    return not done.returncode


def settings(listed: str) -> dict[str, str]:
    """Return the variables that tell uv what `pip config list` printed; of a setting's values the most specific."""
    found: dict[str, str] = {}
    for scope in ("global", "install", ":env:"):
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{scope}.") and (variable := HANDED_OVER.get(name.removeprefix(f"{scope}."))):
                text = str(ast.literal_eval(value))
                found[variable] = re.sub(r"\s+", "," if variable == "UV_FIND_LINKS" else " ", text.strip())
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
