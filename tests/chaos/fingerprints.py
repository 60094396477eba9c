"""What two runs must have in common: every file of their results, but for those that tell of the machine's time."""

import hashlib
import re
from fnmatch import fnmatch
from pathlib import Path

DIFFERENT = {
    "logs/*": "they show the time of day, and how far a job came before it was killed",
    "benchmarks/*": "they are measurements of time and memory",
    "alignment/*/record.json": "it holds seconds and peak memory, and the step from which a killed training went on",
    "checkpoints/*/latest.json": "it holds the seconds of a training, which go on from there",
    "report.html": "it shows the times of all jobs",
    "answers/ledger.jsonl": "it counts what was paid, and so also what a kill let be paid in vain",
    "answers/*.torn": "it keeps a line that a service's killed client had half written",
}
"""Patterns of the files that cannot be the same, and why. docs/determinism.md names them."""

UNORDERED = ("answers/*.jsonl",)
"""Files whose lines come in the order in which a service answers. Their order decides nothing."""


def _summed(name: str) -> str:
    """Return the name of the file whose checksum a file is; that of any other file."""
    return re.sub(r"(^|/)\.([^/]+)\.sha256$", r"\1\2", name)


def fingerprint(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under a folder, hidden ones too, by its path there."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.is_file() and not any(fnmatch(_summed(name), pattern) for pattern in DIFFERENT):
            content = path.read_bytes()
            if any(fnmatch(name, pattern) for pattern in UNORDERED):
                content = b"\n".join(sorted(content.splitlines()))
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def differences(first: Path, second: Path) -> list[str]:
    """Return the names of the files that are not the same in both, or are in one alone."""
    one, other = fingerprint(first), fingerprint(second)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
