"""A raw file as records, whatever its format; what cannot be read is counted."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from recexplainer.config.dataset import OneLayout
from recexplainer.data.literals import parse_line
from recexplainer.data.streams import BrokenLines, lines
from recexplainer.data.table_files import table_records
from recexplainer.errors import InputError

logger = logging.getLogger(__name__)

LINES = ("amazon", "steam")
FORMATS = (*LINES, "csv", "parquet", "recbole")
LISTS = ("description", "tags", "brand", "feature", "related")  # fields whose texts a table may hold as lists
PROGRESS = 2_000_000  # records between two messages


def parser(file_format: str, keys: set[str]) -> Callable[[bytes], dict[str, Any]]:
    """Return the function that reads one line; it raises ValueError if there is no object in it."""
    parse = orjson.loads if file_format == "amazon" else partial(parse_line, keys=frozenset(keys))

    def read(line: bytes) -> dict[str, Any]:
        record = parse(line)
        if type(record) is not dict:
            raise ValueError(f"expected an object, found {type(record).__name__}")
        return record

    return read


def counter(path: str | Path, file_format: str, max_share: float) -> BrokenLines:
    """Return the counter of what cannot be read.

    Raises:
        InputError: the format is unknown.
    """
    if file_format not in FORMATS:
        raise InputError(f"config key 'format': {file_format!r} is unknown; expected one of {', '.join(FORMATS)}.")
    keys = ("format", "fields", "layout.quoted", "layout.escape") if file_format == "csv" else ("format", "fields")
    return BrokenLines(path, max_share, "row" if file_format == "parquet" else "line", keys)


def records(
    path: str | Path, file_format: str, layout: OneLayout, keys: dict[str, list[str]], broken: BrokenLines
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number, record) of the lines or rows that parse; the others go to ``broken``, whose limit ends it.

    Args:
        path, file_format, layout: as in :func:`recexplainer.data.loaders.read_metadata`.
        keys: per field, the alternative keys of the records.
        broken: counts.
    """
    names = {name for alternatives in keys.values() for name in alternatives}
    if file_format in LINES:
        numbered = _line_records(path, parser(file_format, names), broken)
    else:
        split = {name for field in LISTS for name in keys.get(field, ())}
        numbered = table_records(path, file_format, layout, keys, split, broken)
    for count, (number, record) in enumerate(numbered, 1):
        if count % PROGRESS == 0:
            logger.info("%s: %d million %ss read", path, count // 1_000_000, broken.unit)
        yield number, record


def _line_records(
    path: str | Path, parse: Callable[[bytes], dict[str, Any]], broken: BrokenLines
) -> Iterator[tuple[int, dict[str, Any]]]:
    total = 0
    for line in lines(path):
        total += 1
        yield from parsed([line], parse, broken)
    broken.check(total)


def parsed(
    numbered: Iterable[tuple[int, bytes]], parse: Callable[[bytes], dict[str, Any]], broken: BrokenLines
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number, record) of the lines that parse; the others go to ``broken``."""
    for number, line in numbered:
        try:
            yield number, parse(line)
        except ValueError as error:
            broken.add(number, str(error))
