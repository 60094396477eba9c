"""Streaming readers of interactions ("reviews") and of what the items are ("metadata").

Format ``amazon``: one JSON object per line. Format ``steam``: one Python dict literal per line. The others are tables:
see :mod:`recexplainer.data.table_files`. Field names come from the config. What is returned does not depend on the
order of the lines.
"""

import logging
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recexplainer.config.dataset import Fields, OneLayout
from recexplainer.data.plain_lines import Plain, plain_reader
from recexplainer.data.records import LINES, PROGRESS, counter, parsed, parser, records
from recexplainer.data.streams import BrokenLines, line_blocks, numbered
from recexplainer.data.times import FAR, MILLISECONDS, far_times, is_missing, parse_time, shown_time, unreadable
from recexplainer.data.titles import clean_text, clean_title, repair_surrogates
from recexplainer.errors import InputError

logger = logging.getLogger(__name__)

TEXTS = ("description", "tags", "brand", "feature")  # lists of keys, the first with a text is taken
BATCH = 1 << 16  # records that are added to the columns at once
DEEPEST_TEXT = 4  # lists within lists in which texts are looked for; deeper, they are no field of an item


@dataclass
class Interactions:
    """Interactions as columns; ``users`` and ``items`` are raw ids in ascending order.

    ``user`` and ``item`` (int32) index ``users`` and ``items``; ``time`` is int64. Rows are in no meaningful order.
    """

    users: list[str]
    items: list[str]
    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    counts: dict[str, int]  # lines, broken_lines, without_time, odd_times

    def __len__(self) -> int:
        return len(self.user)


def alternatives(fields: Fields, name: str) -> list[str]:
    """Return the keys under which a raw record may have a field of an item; [] if it has none.

    Args:
        fields: keys of the raw records.
        name: ``title``, one of :data:`TEXTS`, or ``related``.
    """
    return getattr(fields, name) or []


def parse_id(value: Any) -> str | None:
    """Return a user or item id as text, or None if there is none (missing, empty, or no text or whole number)."""
    if type(value) is str:
        return repair_surrogates(value.strip()) or None
    if type(value) is int or (type(value) is float and value.is_integer()):
        return str(int(value))
    return None


class _Collected:
    """Interactions as they come in: columns, block by block.

    Args:
        user, item, time: keys of a record.
        broken: counts the records without a user or an item, and those whose time is there but cannot be read.
    """

    def __init__(self, user: str, item: str, time: str, broken: BrokenLines) -> None:
        self.keys, self.broken = (user, item, time), broken
        self.users: list[pa.Array] = []  # large strings, of which parse_id makes ids
        self.items: list[pa.Array] = []
        self.times: list[np.ndarray] = []
        self.without_time = 0

    def add(self, records: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Add records, each with its number."""
        user_key, item_key, time_key = self.keys
        users: list[str] = []
        items: list[str] = []
        times: list[int | None] = []
        for number, record in records:
            if len(users) == BATCH:
                self._extend(_id_column(users), _id_column(items), times)
                users, items, times = [], [], []
            user, item = parse_id(record.get(user_key)), parse_id(record.get(item_key))
            if user is None or item is None:
                self.broken.add(number, f"no {user_key if user is None else item_key!r}")
                continue
            time = parse_time(raw := record.get(time_key))
            if time is None and not is_missing(raw):
                self.broken.add(number, unreadable(time_key, raw))
                continue
            users.append(user)
            items.append(item)
            times.append(time)
        self._extend(_id_column(users), _id_column(items), times)

    def add_plain(self, plain: Plain) -> bool:
        """Add lines that were read at once; False, and nothing is added, if one of them would be broken."""
        users, items = _id_column(plain.users), _id_column(plain.items)
        if users is None or items is None:
            return False
        times: Sequence[int | None]
        try:
            times = array("q", cast("list[int]", plain.times))  # whole numbers are times as they are
        except (TypeError, OverflowError):
            times = [parse_time(raw) for raw in plain.times]
            if any(time is None and not is_missing(raw) for time, raw in zip(times, plain.times, strict=True)):
                return False
        self._extend(users, items, times)
        return True

    def _extend(self, users: pa.Array, items: pa.Array, times: Sequence[int | None]) -> None:
        if isinstance(times, list) and None in times:
            kept = np.flatnonzero([value is not None for value in times])
            self.without_time += len(times) - len(kept)
            users, items, times = users.take(kept), items.take(kept), [times[place] for place in kept]
        self.users.append(users)
        self.items.append(items)
        self.times.append(np.asarray(times, np.int64))


def _id_column(raw: list[str]) -> pa.Array | None:
    """Return raw ids as Arrow texts, of which :func:`parse_id` makes ids; None if one of them is blank.

    Joined they reach Arrow several times as fast as one by one; each keeps the line end that it was joined with.
    """
    joined = "\n".join([*raw, ""]).encode()
    text = np.frombuffer(joined, np.uint8)
    offsets = np.append(0, np.flatnonzero(text == ord("\n")) + 1)
    if len(offsets) == len(raw) + 1:  # no id has a line end of its own
        first = text[offsets[:-1]]
        if ((first > ord(" ")) & (first < 128)).all():  # and none begins with a space
            return pa.LargeStringArray.from_buffers(len(raw), pa.py_buffer(offsets), pa.py_buffer(joined))
    return pa.array(raw, pa.large_string()) if all(map(str.strip, raw)) else None


def _ranked(blocks: list[pa.Array]) -> tuple[list[str], np.ndarray]:
    """Return the ids in ascending order, and each row's int32 place in that order."""
    texts = pa.chunked_array(blocks).dictionary_encode()
    dictionary = texts.chunk(texts.num_chunks - 1).dictionary  # that of all chunks
    ids = pa.array([parse_id(text) for text in dictionary.to_pylist()], pa.large_string())
    order = pc.array_sort_indices(ids)  # by bytes of UTF-8: in the order of Python's texts
    ids = ids.take(order)
    new = np.append(True, pc.not_equal(ids[1:], ids[:-1]))  # two texts can be one id
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.cumsum(new) - 1
    codes = np.concatenate([chunk.indices for chunk in texts.chunks])
    return ids.filter(pa.array(new)).to_pylist(), ranks[codes]


def _collect_lines(path: str | Path, file_format: str, keys: tuple[str, str, str], collected: _Collected) -> None:
    """Read a file of lines, most of them many at a time."""
    parse, read_plain, total = parser(file_format, set(keys)), plain_reader(file_format, *keys), 0
    for first, block, ends in line_blocks(path):
        plain = read_plain(first, block, ends)
        if not collected.add_plain(plain):
            plain = Plain([], [], [], list(numbered(first, block)))  # one by one, so that it can be named
        if plain.left:
            collected.add(parsed(plain.left, parse, collected.broken))
        before, total = total, total + len(plain.users) + len(plain.left)
        if before // PROGRESS < total // PROGRESS:
            logger.info("%s: %d million lines read", path, total // 1_000_000)
    collected.broken.check(total)


def read_interactions(
    path: str | Path,
    file_format: str,
    fields: Fields,
    max_broken_share: float,
    layout: OneLayout | None = None,
) -> Interactions:
    """Read a reviews file: every review is an interaction, whatever its rating.

    A record without a user or an item is a broken line, and so is one whose time is there but cannot be read. A record
    without a time is dropped and counted. So is one whose time is in seconds where most are in milliseconds, or the
    other way round, and one whose time lies decades from all others; these count against the limit, too.

    Args:
        path: plain or gzip file; or Parquet.
        file_format: one of :data:`recexplainer.data.records.FORMATS`.
        fields: keys of the raw records.
        max_broken_share: limit of the share of broken lines, 0 to 1.
        layout: of a table; None: the usual one.

    Raises:
        InputError: the file is missing, corrupt, lacks a column, or has too many broken lines or odd times.
    """
    broken = counter(path, file_format, max_broken_share)
    keys = fields.user, fields.item, fields.time
    collected = _Collected(*keys, broken)
    if file_format in LINES:
        _collect_lines(path, file_format, keys, collected)
    else:
        asked = {name: [key] for name, key in zip(("user", "item", "time"), keys, strict=True)}
        collected.add(records(path, file_format, layout or OneLayout(), asked, broken))
    time = np.concatenate(collected.times)
    if not len(time):
        raise InputError(f"{path}: no record has a time in {keys[2]!r}. Check the config key 'fields'.")
    if collected.without_time:
        logger.warning("%s: %d records without a time in %r dropped", path, collected.without_time, keys[2])
    with ThreadPoolExecutor() as pool:
        (user_ids, user), (item_ids, item) = pool.map(_ranked, (collected.users, collected.items))
    odd = _odd_times(time, keys[2], broken)
    if len(odd):
        user, item, time = (np.delete(column, odd) for column in (user, item, time))
    return Interactions(
        user_ids,
        item_ids,
        user,
        item,
        time,
        {
            "lines": broken.total,
            "broken_lines": broken.count,
            "without_time": collected.without_time,
            "odd_times": len(odd),
        },
    )


def _odd_times(time: np.ndarray, key: str, broken: BrokenLines) -> np.ndarray:
    """Return the rows whose time cannot be right beside the others; they count as broken lines do.

    Seconds among milliseconds would be out of order, and so would a time that lies decades from all others.
    """
    large = (time >= MILLISECONDS) | (time <= -MILLISECONDS)
    mask = large if 2 * np.count_nonzero(large) <= len(time) else ~large
    unit, rest = np.flatnonzero(mask), np.flatnonzero(~mask)
    far = rest[far_times(time[rest] if len(unit) else time)]
    odd = np.append(unit, far)
    if not len(odd):
        return odd
    if len(unit):
        problem = f"{key!r} is in seconds and in milliseconds, such as {time[rest[0]]} and {time[unit[0]]}"
    else:
        middle = np.partition(time, len(time) // 2)[len(time) // 2]
        problem = f"{key!r} lies over {FAR} years from most others, such as {shown_time(int(time[far[0]]))} beside "
        problem += shown_time(int(middle))
    allowed = broken.max_share
    if len(odd) > allowed * len(time) or len(odd) + broken.count > allowed * broken.total:
        raise InputError(
            f"{broken.path}: {problem}; {len(odd)} of {len(time)} times are odd, with the broken {broken.unit}s more "
            f"than the allowed {allowed:.2%}. Correct these times, or raise 'max_broken_share' to drop them."
        )
    logger.warning("%s: %d records dropped: %s", broken.path, len(odd), problem)
    return odd


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts in a raw field: a text, a number, or lists of them, a few within each other."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < DEEPEST_TEXT:
        for element in value:
            yield from _texts(element, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _text(record: dict[str, Any], keys: list[str]) -> str:
    """First text among the alternatives; the elements of a list are joined with a comma."""
    for key in keys:
        parts = (clean_text(part) for part in _texts(record.get(key)))
        if text := ", ".join(part for part in parts if part):
            return text
    return ""


def _title(record: dict[str, Any], keys: list[str]) -> str:
    """First raw title among the alternatives that is one after cleaning."""
    return next((raw for key in keys for raw in _texts(record.get(key)) if clean_title(raw)), "")


def read_metadata(
    path: str | Path,
    file_format: str,
    fields: Fields,
    wanted: Container[str],
    names: tuple[str, ...],
    max_broken_share: float,
    layout: OneLayout | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Read the wanted fields of the wanted items. Called twice: titles first, all texts once the catalogue is known.

    Where an item stands on several lines, each field takes its longest value, then the first in
    alphabetical order, so that the order of the lines does not matter.

    Args:
        path, file_format, fields, max_broken_share, layout: as in :func:`read_interactions`.
        wanted: raw item ids to keep.
        names: of ``title`` (raw), the names in ``TEXTS`` (cleaned), ``related`` (list of raw ids).

    Returns:
        {item id: {name: value}}, and the counts ``lines``, ``broken_lines``, ``repeated`` (further lines of kept
        items).

    Raises:
        InputError: the file is missing, corrupt, or has too many broken lines (a line without an item is one).
    """
    item_key, asked = fields.meta_item or fields.item, {name: alternatives(fields, name) for name in names}
    keys = {"meta_item": [item_key]} | asked
    result: dict[str, dict[str, Any]] = {}
    repeated = 0
    broken = counter(path, file_format, max_broken_share)
    for number, record in records(path, file_format, layout or OneLayout(), keys, broken):
        item = parse_id(record.get(item_key))
        if item is None:
            broken.add(number, f"no {item_key!r}")
            continue
        if item not in wanted:
            continue
        repeated += item in result
        values = result.setdefault(item, {})
        for name in names:
            if name == "related":
                ids = (parse_id(raw) for key in asked[name] for raw in _texts(record.get(key)))
                value: Any = list(dict.fromkeys(other for other in ids if other))
            else:
                value = _title(record, asked[name]) if name == "title" else _text(record, asked[name])
            old = values.get(name)
            if old is None or (-len(value), value) < (-len(old), old):
                values[name] = value
    return result, {"lines": broken.total, "broken_lines": broken.count, "repeated": repeated}
