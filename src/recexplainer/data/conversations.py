"""Conversations in ShareGPT's format and its kin: a JSON array or JSON lines, plain or gzip, read as a stream."""

import codecs
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recexplainer.data.parsed import SCHEMA
from recexplainer.data.streams import BrokenLines, blocks, lines
from recexplainer.data.titles import repair_surrogates
from recexplainer.errors import InputError
from recexplainer.files import atomic, check, sha256, write_json

logger = logging.getLogger(__name__)

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant"}
ROLES |= {"system": "system"}
TURNS = ("conversations", "messages", "items")  # keys under which an entry has its turns
CUTS = ("last_human_turn_cut", "first_system_turn_cut", "first_assistant_turn_cut")
REASONS = ("no_turn", "unreadable_turn", "other_role", "empty_turn", "not_alternating", "no_answer", "repeated")
LONGEST_ENTRY = 1 << 26  # characters; more without a whole entry means that the array is broken
_scan = json.JSONDecoder().raw_decode
BATCH = 1000  # conversations written at once


class Dropped(Exception):
    """A conversation that is not kept; the argument is one of ``REASONS``."""


def _turns(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return (role, text) of each turn as the entry names them, whatever its form; [] if there is none.

    Raises:
        Dropped: a turn is no mapping.
    """
    turns = next((entry[key] for key in TURNS if isinstance(entry.get(key), list)), None)
    if turns is None and "instruction" in entry and "output" in entry:  # Alpaca's form
        asked = [entry["instruction"], entry.get("input") or ""]
        if all(isinstance(part, str) for part in asked):
            return [("human", "\n\n".join(part for part in asked if part.strip())), ("gpt", entry["output"])]
        raise Dropped("unreadable_turn")
    if not all(isinstance(turn, dict) for turn in turns or []):
        raise Dropped("unreadable_turn")
    return [(turn.get("from", turn.get("role")), _text(turn.get("value", turn.get("content")))) for turn in turns or []]


def _text(content: Any) -> Any:
    """Join a content of several parts, if all of them are texts."""
    parts = content if isinstance(content, list) else []
    texts: list[Any] = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if texts and len(texts) == len(parts) and all(isinstance(text, str) for text in texts):
        return "\n".join(texts)
    return content


def parse_conversation(entry: dict[str, Any]) -> tuple[str, list[dict[str, Any]], list[str]]:
    """Check one entry: roles alternate strictly from the human, no turn is empty, the assistant has the last word.

    A first turn of the system and then one of the assistant, before the human has said a word, are cut; the authors
    cut the latter, too. So is a last turn of the human.

    Args:
        entry: ``{"id": ..., "conversations": [{"from": "human" | "gpt" | ..., "value": text}, ...]}``; or with
            ``messages`` or ``items`` for the turns, ``role`` and ``content`` in them; or, as Alpaca has it,
            ``{"instruction": text, "input": text or nothing, "output": text}``.

    Returns:
        The id (a digest of the content where there is none), the messages ``{"role": "user" | "assistant", "text"}``,
        and which of ``CUTS`` were made.

    Raises:
        Dropped: with the reason.
    """
    turns = _turns(entry)
    if not turns:
        raise Dropped("no_turn")
    messages = []
    for role, text in turns:
        if not isinstance(role, str) or not isinstance(text, str):
            raise Dropped("unreadable_turn")
        if role not in ROLES:
            raise Dropped("other_role")
        messages.append({"role": ROLES[role], "text": repair_surrogates(text).strip()})
    cuts = []
    for role in ("system", "assistant"):
        if messages and messages[0]["role"] == role:
            messages.pop(0)
            cuts.append(f"first_{role}_turn_cut")
    if any(message["role"] == "system" for message in messages):
        raise Dropped("other_role")
    if any(message["role"] != ("user", "assistant")[index % 2] for index, message in enumerate(messages)):
        raise Dropped("not_alternating")
    if len(messages) % 2 == 1:
        messages.pop()
        cuts.append("last_human_turn_cut")
    if not messages:
        raise Dropped("no_answer")
    if not all(message["text"] for message in messages):
        raise Dropped("empty_turn")
    name = entry.get("id")
    if not isinstance(name, str) or not name.strip():
        name = hashlib.sha256(orjson.dumps(messages)).hexdigest()[:16]
    return repair_surrogates(name.strip()), messages, cuts


class _Characters:
    """Characters of a UTF-8 file, decoded block by block; holds one block and the entry that is being read."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.number = path, 0  # number of entries read
        self._source, self._decode = blocks(path), codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._finished = "", 0, False

    def refuse(self, why: str) -> InputError:
        return InputError(f"{self.path}: entry {self.number + 1} of the array: {why}. Download the file again.")

    def _more(self) -> bool:
        """Read a block; False at the end of the file."""
        block = next(self._source, b"")
        self._finished = not block
        try:
            self._text = self._text[self._at :] + self._decode(block, final=self._finished)
        except UnicodeDecodeError as error:
            raise self.refuse(f"not UTF-8 ({error.reason})") from None
        self._at = 0
        return not self._finished

    def peek(self) -> str:
        """The next character that is not white space, not consumed; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
            if self._at < len(self._text) or self._finished or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self) -> str:
        """Consume what :meth:`peek` returns."""
        character = self.peek()
        self._at += len(character)
        return character

    def value(self) -> Any:
        """Consume a JSON value."""
        self.peek()
        while True:
            try:
                value, end = _scan(self._text, self._at)
                self.number, self._at = self.number + 1, end
                return value
            except (ValueError, RecursionError) as error:
                # The value may go on in the next block. Doubling keeps the cost of new attempts linear.
                held = len(self._text) - self._at
                if held > LONGEST_ENTRY or not self._more():
                    raise self.refuse(f"not valid JSON, or cut off ({error})") from None
                while len(self._text) < 2 * held and self._more():
                    pass


def _array_entries(path: str | Path) -> Iterator[tuple[int, object]]:
    """Yield (entry number from 1, value) of a JSON array."""
    characters = _Characters(path)
    characters.take()  # the bracket that made the caller choose this function
    if characters.peek() == "]":
        characters.take()
    else:
        after = ","
        while after == ",":
            yield characters.number + 1, characters.value()
            after = characters.take()
        if after != "]":
            raise characters.refuse("expected a comma or the end of the array")
    if characters.peek():
        raise characters.refuse("expected nothing after the array")


def _line_entries(path: str | Path, broken: BrokenLines) -> Iterator[tuple[int, object]]:
    total = 0
    for number, line in lines(path):
        total += 1
        try:
            yield number, json.loads(line.decode())  # of bytes it would guess the encoding
        except (ValueError, RecursionError) as error:
            broken.add(number, str(error))
    broken.check(total)


def _entries(path: str | Path, broken: BrokenLines) -> Iterator[dict[str, Any]]:
    """Yield the entries that are objects; the others are broken."""
    start = next((block.lstrip()[:1] for block in blocks(path) if block.strip()), b"")
    if not start:
        raise InputError(f"{path}: the file is empty; expected a JSON array or JSON lines of conversations.")
    array = start == b"["
    number = 0
    for number, entry in _array_entries(path) if array else _line_entries(path, broken):
        if isinstance(entry, dict):
            yield entry
        else:
            broken.add(number, f"expected an object, found {type(entry).__name__}")
    if array:
        broken.check(number)


def parse_conversations(
    *, source: str | Path, max_broken_share: float, output: str | Path, statistics: str | Path
) -> None:
    """Write the well-formed conversations of a file as Parquet, and count what was dropped and why.

    Args:
        source: a JSON array or JSON lines, plain or gzip; :func:`parse_conversation` knows the forms of an entry.
        max_broken_share: limit of the share of entries that are no JSON object, 0 to 1.
        output: Parquet with ``conversation`` (unique id) and ``messages`` (list of role and text), in the file's order.
        statistics: JSON with the counts.

    Raises:
        InputError: the file is missing, corrupt, or has too many broken entries; or no conversation is left.
    """
    check(source)
    counts: Counter[Any] = Counter(dict.fromkeys(("read", "kept", *CUTS), 0))
    dropped: Counter[Any] = Counter(dict.fromkeys(REASONS, 0))
    seen: set[str] = set()
    batch: list[dict[str, Any]] = []
    broken = BrokenLines(source, max_broken_share)
    with atomic(output) as temporary:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            for entry in _entries(source, broken):
                counts["read"] += 1
                try:
                    name, messages, cuts = parse_conversation(entry)
                    if name in seen:
                        raise Dropped("repeated")
                except Dropped as reason:
                    dropped[str(reason)] += 1
                    continue
                seen.add(name)
                counts["kept"] += 1
                counts.update(cuts)
                batch.append({"conversation": name, "messages": messages})
                if len(batch) == BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, schema=SCHEMA))
                    batch.clear()
            writer.write_table(pa.Table.from_pylist(batch, schema=SCHEMA))
        if not counts["kept"]:
            raise InputError(f"{source}: none of {counts['read']} conversations can be used: {dict(dropped)}.")
    write_json(
        statistics,
        {"sha256": sha256(source), "broken": broken.count, "dropped": dict(dropped), **counts},
    )
    logger.info("%s: %d of %d conversations kept; dropped: %s", source, counts["kept"], counts["read"], dict(dropped))
