"""The three values of an interaction, of many lines at once.

Nearly every line of a dump is plain: well formed, each value of its usual type. Those are read here, fast. Whatever is
not goes back to the caller, who reads it line by line and says what is wrong with it: what comes out is the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from recexplainer.data.literals import SIMPLE_VALUE, VALUE
from recexplainer.data.streams import numbered


@dataclass
class Plain:
    """Lines of a block.

    Attributes:
        users, items: raw ids, not yet stripped.
        times: numbers and texts, None where there is none.
        left: (number, stripped line) of the lines that are not blank and not among them.
    """

    users: list[str]
    items: list[str]
    times: list[int | float | str | None]
    left: list[tuple[int, bytes]]


Reader = Callable[[int, bytes, np.ndarray], Plain]


def plain_reader(file_format: str, user: str, item: str, time: str) -> Reader:
    """Return a function of what :func:`recexplainer.data.streams.line_blocks` yields.

    Args:
        file_format: ``amazon`` (JSON) or ``steam`` (Python literals).
        user, item, time: keys of a record.
    """
    if len({user, item, time}) < 3:
        return lambda first, block, ends: Plain([], [], [], list(numbered(first, block)))
    return _json_reader(user, item, time) if file_format == "amazon" else _literal_reader(user, item, time)


def _json_reader(user: str, item: str, time: str) -> Reader:
    """Of JSON, only the three values are made into objects. A block is taken as a whole, or not at all."""
    fields = [("user", str), ("item", str), ("time", int | float | str | None, None)]
    keys = {"user": user, "item": item, "time": time}
    decode = msgspec.json.Decoder(msgspec.defstruct("Interaction", fields, rename=keys, gc=False)).decode_lines

    def read(first: int, block: bytes, ends: np.ndarray) -> Plain:
        try:
            if not block.isascii():
                block.decode("utf-8")  # of the values that are skipped, the decoder does not check it
            records = decode(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            records = []
        if len(records) != len(ends) or not _lines_are_records(block, ends):
            return Plain([], [], [], list(numbered(first, block)))
        return Plain([one.user for one in records], [one.item for one in records], [one.time for one in records], [])

    return read


def _lines_are_records(block: bytes, ends: np.ndarray) -> bool:
    """Whether each line ends with ``}`` and the next begins with ``{``, as only two records of JSON can meet.

    To the decoder a record need not be a line: with a blank line and two records on another the numbers agree.
    """
    if not block.startswith(b"{"):
        return False
    text = np.frombuffer(block, np.uint8)
    last = ends - 1 - (text[ends - 1] == ord("\r"))
    return bool((text[last] == ord("}")).all() and (text[ends[:-1] + 1] == ord("{")).all())


def _literal_reader(user: str, item: str, time: str) -> Reader:
    """Of Python literals: flat dicts whose three values are strings without escapes; a number may be the time."""
    match = _literal_pattern(user, item, time, r"[^'\\\r\n\0]*+", VALUE).fullmatch
    match_simple = _literal_pattern(user, item, time, "[^']*+", SIMPLE_VALUE).fullmatch

    def read(first: int, block: bytes, ends: np.ndarray) -> Plain:
        plain = Plain([], [], [], [])
        for number, line in numbered(first, block):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                plain.left.append((number, line))
                continue
            special = "\\" in text or "\r" in text or "\0" in text
            matched = match(text) if special else match_simple(text)
            user, item, time, digits = matched.groups() if matched else (None, None, None, None)
            if user is None or item is None:
                plain.left.append((number, line))
                continue
            plain.users.append(user)
            plain.items.append(item)
            plain.times.append(int(digits) if digits else time)
        return plain

    return read


def _literal_pattern(user: str, item: str, time: str, inside: str, value: str) -> re.Pattern[str]:
    """Return the pattern of a flat dict, with groups for the user, the item, the time as a text and as digits.

    Args:
        user, item, time: keys.
        inside: pattern of what may stand between single quotes.
        value: pattern of the values of other keys.
    """
    text = rf"u?'({inside})'"
    values = {user: text, item: text, time: rf"(?:{text}|(-?(?:0|[1-9][0-9]{{0,17}}))(?![0-9.]))"}
    wanted = "|".join(rf"{re.escape(repr(key)[1:-1])}': {value}" for key, value in values.items())
    other = "".join(rf"(?!{re.escape(repr(key)[1:-1])}')" for key in values) + inside
    pair = rf"u?'(?:{wanted}|{other}': (?:{value}))"
    return re.compile(rf"\{{(?:{pair}(?:, (?!\}})|(?=\}})))++\}}")
