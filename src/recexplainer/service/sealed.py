"""Lines of JSON, each with a checksum of its own: an append-only file shows where it is damaged.

A line is an object whose last key is ``sha256``, the SHA-256 of the line's bytes before that key. Lines of earlier
versions have none and are read as they are.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

_SEALED = re.compile(rb'(\{.*), "sha256": "([0-9a-f]{64})"\}', re.DOTALL)
_LONG = re.compile(rb'\{.*, "sha256": "[0-9a-f]{64}".', re.DOTALL)
_FIELDS = ({"key", "request", "answer"}, {"id", "store", "usd", "what"})
"""Of the answers, and of the ledger."""


def seal(value: dict[str, Any]) -> bytes:
    """Return an object as a line, its end included; NaN is refused."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()[:-1]
    return body + f', "sha256": "{hashlib.sha256(body).hexdigest()}"}}\n'.encode()


def unseal(line: bytes) -> Any:
    """Return the value of a line, which needs not be an object, without its checksum.

    Args:
        line: without its end.

    Raises:
        ValueError: not JSON, or not what was written there.
    """
    sealed = _SEALED.fullmatch(line)
    if sealed and hashlib.sha256(sealed[1]).hexdigest().encode() != sealed[2]:
        raise ValueError("its checksum differs")
    try:
        value = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if isinstance(value, dict) and value.pop("sha256", None) and not sealed:
        raise ValueError("its checksum is damaged")
    return value


def damaged_end(rest: bytes) -> bool:
    """Return whether what has no end of a line is as long as a line and yet none: damaged, not cut off by a kill."""
    if not _LONG.match(rest):
        return False
    try:
        unseal(rest)
    except ValueError:
        return True
    return False


def damaged_line(path: str | Path) -> int | None:
    """Return the number of the first line of a file that is not what was written there; None if all are."""
    *lines, rest = Path(path).read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            value = unseal(line)
        except ValueError:
            return number
        # Where the name of the checksum is damaged, the line seems to be one without.
        if not isinstance(value, dict) or value.keys() not in _FIELDS:
            return number
    return len(lines) + 1 if rest else None
