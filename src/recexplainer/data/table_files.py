"""Tables of raw data as records: CSV and its kin, RecBole's atomic files, Parquet.

A record holds the columns that are asked for. A value of a text file is a text, one of Parquet what it is there; a
point in time becomes whole seconds since 1970.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recexplainer.config.dataset import OneLayout
from recexplainer.data.streams import BrokenLines, opened
from recexplainer.errors import InputError, shown

LONGEST_VALUE = 1 << 24  # characters; a longer one means a quote that is never closed
ROWS = 1 << 16  # of Parquet that are read at once
LONGEST_SHOWN = 300  # characters of what Arrow says
Skip = Callable[..., None]
"""Takes the number of a row that cannot be read, why, and how many lines are lost with it, 1 if not given."""
_UNDECODED = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of a byte that is no character


def table_records(
    path: str | Path,
    file_format: str,
    layout: OneLayout,
    keys: dict[str, list[str]],
    split: set[str],
    broken: BrokenLines,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number of the line or row, record) of the rows that can be read; the others go to ``broken``.

    Args:
        path: the file; text files may be packed with gzip.
        file_format: ``csv``, ``recbole`` (tabs, a header of ``name:type``) or ``parquet``.
        layout: its ``columns`` name them where the file has no header.
        keys: alternative columns for each thing that is needed; at least one of each must be there.
        split: columns whose texts are lists, cut at ``list_separator``.
        broken: counts; checks the limit at the end.

    Raises:
        InputError: the file is missing or broken, lacks a column, or has too many broken rows.
    """
    total = 0

    def skip(number: int, why: str, count: int = 1) -> None:
        nonlocal total
        total += count
        broken.add(number, why, count)

    rows = _parquet_rows(path, keys) if file_format == "parquet" else _text_rows(path, file_format, layout, keys, skip)
    separator = layout.list_separator
    for number, record in rows:
        total += 1
        if separator:
            for name in split & record.keys():
                if isinstance(record[name], str):
                    record[name] = record[name].split(separator)
        yield number, record
    broken.check(total)


def _wanted(path: str | Path, names: list[str], keys: dict[str, list[str]]) -> list[int]:
    """Return the places of the columns that are asked for."""
    for field, alternatives in keys.items():
        if alternatives and not set(alternatives) & set(names):
            asked = " or ".join(repr(name) for name in alternatives)
            listed = ", ".join(map(shown, names[:30])) or "none"
            raise InputError(
                f"{path}: no column {asked}, which the config key 'fields.{field}' asks for; found: {listed}. "
                "Name a column of the file there."
            )
    wanted = {name for alternatives in keys.values() for name in alternatives}
    columns = [place for place, name in enumerate(names) if name in wanted]
    for place in columns:
        if names.count(names[place]) > 1:
            raise InputError(f"{path}: the column {names[place]!r} is there twice. Give its columns different names.")
    return columns


def _text_rows(
    path: str | Path, file_format: str, layout: OneLayout, keys: dict[str, list[str]], skip: Skip
) -> Iterator[tuple[int, dict[str, Any]]]:
    encoding = "utf-8-sig" if layout.encoding.lower().replace("-", "") == "utf8" else layout.encoding
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(
            f"config key 'layout.encoding': {encoding!r} is unknown; expected one such as utf-8."
        ) from None
    with opened(Path(path)) as handle:
        try:
            text = io.TextIOWrapper(cast(BinaryIO, handle), encoding=encoding, errors="surrogateescape", newline="")
        except LookupError:
            raise InputError(f"config key 'layout.encoding': {encoding!r} is no encoding of texts.") from None
        rows = _decoded(path, layout.encoding, split_rows(text, file_format, layout, skip))
        names = layout.columns if file_format == "csv" else None
        if names is None:
            _, names = next(rows, (0, []))
            names = [name.strip() for name in names]
            if file_format == "recbole":
                names = _without_types(path, names)
        columns = _wanted(path, names, keys)
        for number, row in rows:
            if len(row) != len(names):
                skip(number, f"{len(row)} values, expected {len(names)}")
                continue
            record = {names[place]: row[place] for place in columns}
            if bad := [name for name, value in record.items() if not value.isascii() and _UNDECODED.search(value)]:
                skip(number, f"column {bad[0]!r} is not {layout.encoding}")
                continue
            yield number, record


def _decoded(path: str | Path, encoding: str, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows; bytes that leave no way to go on in this encoding are an InputError."""
    try:
        yield from rows
    except UnicodeError as error:
        why = getattr(error, "reason", error)
        raise InputError(f"{path}: not {encoding} ({shown(why)}). Check the config key 'layout.encoding'.") from None


def _without_types(path: str | Path, names: list[str]) -> list[str]:
    for name in names:
        if ":" not in name:
            raise InputError(f"{path}: {name!r} in the header; expected RecBole's names with types, as user_id:token.")
    return [name.rpartition(":")[0] for name in names]


def split_rows(text: io.TextIOBase, file_format: str, layout: OneLayout, skip: Skip) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, values) of each row that is not blank."""
    delimiter = "\t" if file_format == "recbole" else layout.delimiter
    if len(delimiter) > 1:
        for number, line in enumerate(text, 1):
            if line := line.rstrip("\r\n"):
                yield number, line.split(delimiter)
        return
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if layout.quoted and file_format == "csv" else csv.QUOTE_NONE
    escape = layout.escape if file_format == "csv" else None
    csv.field_size_limit(LONGEST_VALUE)
    # Strictly: a quotation mark that ends a value and is followed by more of it would be left out in silence.
    rows = csv.reader(text, delimiter=delimiter, quoting=quoting, escapechar=escape, strict=True)
    before = 0
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            skip(rows.line_num, _ill_quoted(str(error), rows.line_num - before), rows.line_num - before)
            before = rows.line_num
            continue
        if row is None:
            return
        lines, before = rows.line_num - before, rows.line_num
        if lines > 1 and _swallowed(row, delimiter):
            skip(before, _ill_quoted("a value holds whole lines of the table", lines), lines)
        elif row:
            yield before, row


def _ill_quoted(problem: str, lines: int) -> str:
    lost = f", with which {lines} lines are lost" if lines > 1 else ""
    return (
        f"quotation marks do not fit ({shown(problem)}){lost}; if they are ordinary characters set 'layout.quoted' to "
        "false, if a character such as \\ stands before those within a value set 'layout.escape' to it"
    )


def _swallowed(row: list[str], delimiter: str) -> bool:
    """Return whether a value over several lines holds a line of the table, as one whose quote was never closed does.

    A text may have lines of its own, and delimiters in them. It hardly has a line with just as many values as a row
    of which none begins with a space.
    """
    width = len(row)
    for place, value in enumerate(row):
        if "\n" not in value and "\r" not in value:
            continue
        inner = [line.split(delimiter) for line in re.split(r"\r\n|\r|\n", value)[1:]]
        # The last line goes on behind the value; in the first column it has as many values anyway.
        pieces = [parts for parts in inner[:-1] if len(parts) == width > 1]
        if place and len(inner[-1]) == place + 1:
            pieces.append(inner[-1])
        if any(not any(part.startswith(" ") for part in parts) for parts in pieces):
            return True
    return False


def _parquet_rows(path: str | Path, keys: dict[str, list[str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = [names[place] for place in _wanted(path, names, keys)]
            number = 0
            for batch in file.iter_batches(ROWS, columns=columns):
                values = {name: _plain(batch.column(name)).to_pylist() for name in columns}
                for row in zip(*values.values(), strict=True):
                    number += 1
                    yield number, dict(zip(columns, row, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a Parquet file.") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        why = shown(" ".join(str(error).split()))[:LONGEST_SHOWN] or type(error).__name__
        raise InputError(f"{path}: not a readable Parquet file ({why}). Write it again.") from None


def _plain(column: pa.Array) -> pa.Array:
    """Return points in time as seconds; other values as they are."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64())
    return column
