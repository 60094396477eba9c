"""Every answer of a service, on disk before it counts: an append-only file of JSON lines.

A line is ``{"key": ..., "request": {...}, "answer": {...}, "sha256": ...}``:

- request: what was asked: ``model``, ``messages``, ``temperature`` (null: not sent), ``max_tokens``, and ``extra``,
  further fields, if there are any;
- sha256, last: of the line before it (:mod:`recexplainer.service.sealed`);
- key: the SHA-256 of the request as canonical JSON, so neither the service's address nor its API key matters;
- answer: ``text``; ``finish`` (``stop``, ``length`` or ``refused``); ``model`` as the service calls it; ``usage``
  with ``prompt_tokens`` and ``completion_tokens``, null if the service does not count; and ``reason``, in words, if
  the service did not take the request at all.

Lines stand in the order in which the answers came. Readers look answers up by request, so that order decides nothing.
"""

import fcntl
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.secrets import redact
from recexplainer.service.sealed import damaged_end, seal, unseal

logger = logging.getLogger(__name__)

REQUEST_FIELDS = ("model", "messages", "temperature", "max_tokens")
ANSWER_FIELDS = ("text", "finish", "model", "usage")
FINISHES = ("stop", "length", "refused")
MOST_TOKENS = 10**8
"""What no single answer takes; a service that counts more is not believed."""


def request_key(request: dict[str, Any]) -> str:
    """Return the key of a request: the SHA-256 of its canonical JSON, in hexadecimal."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the whole lines of a store without locking or repairing it.

    Returns:
        Key to ``{"request": ..., "answer": ...}``, in the order of the file.

    Raises:
        InputError: there is no such file, or a line in it is not what was written there.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a store of answers. Run the stage that asks first.") from None
    return _parse(path, content)[0]


class AnswerStore:
    """The answers of one stage by one service; use as a context manager.

    Opening creates the file if need be, locks it against other processes, and cuts off the torn last line that a
    killed run may have left (what is cut is kept in ``<path>.torn``).

    Attributes:
        path: of the file.
        entries: key to ``{"request": ..., "answer": ...}``.
        torn: number of torn lines that were cut off on opening: 0 or 1.

    Raises:
        InputError: another process has the store open, or a line is corrupt.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab+", buffering=0)  # noqa: SIM115 - it stays open as long as the store
        try:
            self._lock()
            _sync_folder(self.path.parent)
            self.entries, self.torn = self._load()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "AnswerStore":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._file.close()

    def get(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the stored answer to a request; None if there is none."""
        entry = self.entries.get(request_key(request))
        return entry and entry["answer"]

    def append(self, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Store an answer. When this returns, it is on the disk.

        Raises:
            InputError: the request has an answer already.
            OSError: the disk refused, for example because it is full; the store is as before.
        """
        key = request_key(request)
        if key in self.entries:
            raise InputError(f"{self.path}: a second answer to request {key}; the first one stays.")
        # A service may repeat the key that it was sent.
        answer = {name: redact(value) if isinstance(value, str) else value for name, value in answer.items()}
        entry = {"request": request, "answer": answer}
        line = seal({"key": key} | entry)
        size = self._file.seek(0, os.SEEK_END)
        try:
            # A write may take only a part, on a nearly full disk.
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except BaseException:
            self._file.truncate(size)
            raise
        self.entries[key] = entry

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.path}: another process has this store of answers open. Wait until it ends, or end it."
            ) from None

    def _load(self) -> tuple[dict[str, dict[str, Any]], int]:
        self._file.seek(0)
        content = self._file.readall()
        entries, whole = _parse(self.path, content)
        rest = content[whole:]
        if not rest:
            return entries, 0
        try:
            # Only the line's end is missing: the answer is whole and paid for.
            entries |= _parse(self.path, content + b"\n")[0]
            self._file.write(b"\n")
            torn = 0
        except InputError:
            with open(f"{self.path}.torn", "ab") as aside:
                aside.write(rest + b"\n")
                os.fsync(aside.fileno())
            self._file.truncate(whole)
            torn = 1
            logger.warning("%s: cut off a torn last line of %d bytes, kept in %s.torn", self.path, len(rest), self.path)
        os.fsync(self._file.fileno())
        return entries, torn


def _parse(path: str | Path, content: bytes) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the entries of all lines that have an end, and the number of bytes that these lines take."""
    entries: dict[str, dict[str, Any]] = {}
    whole = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:whole].split(b"\n")[:-1], 1):
        key, entry = _entry(f"{path}, line {number}", line)
        if key in entries:
            raise InputError(f"{path}, line {number}: a second answer to request {key}. Delete the line.")
        entries[key] = entry
    if damaged_end(content[whole:]):
        raise InputError(f"{path}: the end of its last line is damaged. Mend it, or delete the line, to ask again.")
    return entries, whole


def _entry(place: str, line: bytes) -> tuple[str, dict[str, Any]]:
    """Read one line; refuse one that is not exactly what :meth:`AnswerStore.append` writes."""
    remedy = "Delete the line; its request is then asked again."
    try:
        value = unseal(line)
    except ValueError as error:
        raise InputError(f"{place}: not a line of JSON that was written there ({error}). {remedy}") from None
    if not isinstance(value, dict) or set(value) != {"key", "request", "answer"}:
        raise InputError(f"{place}: expected an object with key, request and answer. {remedy}")
    request, answer = value["request"], value["answer"]
    fields = set(request) - {"extra"} if isinstance(request, dict) else set()
    if fields != set(REQUEST_FIELDS) or value["key"] != request_key(request):
        raise InputError(f"{place}: the key is not that of the request. {remedy}")
    if (
        not isinstance(answer, dict)
        or set(answer) - {"reason"} != set(ANSWER_FIELDS)
        or not all(isinstance(answer.get(name, ""), str) for name in ("text", "model", "reason"))
        or answer["finish"] not in FINISHES
        or not _is_usage(answer["usage"])
    ):
        raise InputError(f"{place}: expected {', '.join(ANSWER_FIELDS)}, finish one of {', '.join(FINISHES)}. {remedy}")
    return value["key"], {"request": request, "answer": answer}


def _is_usage(value: Any) -> bool:
    """Say whether a value counts tokens, or is null."""
    if value is None:
        return True
    counts = [value.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(value, dict) else [None]
    return all(type(count) is int and 0 <= count <= MOST_TOKENS for count in counts)


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file in the folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
