"""What a raw file is: its format, encoding, delimiter and columns, told by its beginning.

The pipeline's readers do the reading: of several ways to read a file, the one is taken that leaves the fewest broken
lines. What had to be assumed is among a file's notes.
"""

import io
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recexplainer.config.dataset import OneLayout
from recexplainer.data.archive import NotThere, beginnings, extract, is_archive
from recexplainer.data.column import is_number
from recexplainer.data.literals import parse_line
from recexplainer.data.names import is_known
from recexplainer.data.records import LINES, parsed, parser, records
from recexplainer.data.streams import BYTE_ORDER_MARK, BrokenLines, lines, opened
from recexplainer.data.table_files import ROWS, split_rows
from recexplainer.data.times import parse_time
from recexplainer.errors import InputError, shown
from recexplainer.sources import local_path

HEAD = 4 << 20  # bytes that are read of a file
MEMBERS = 200  # files of an archive that are looked at
TRIED = 2000  # lines by which a delimiter is chosen
FITTING = 0.9  # share of the lines that must have as many values as most have
DELIMITERS = ("::", "\t", ";", "|", ",")
KINDS = {
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"%PDF": "a PDF",
    b"BZh": "packed with bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it, or pack it with gzip",
    b"SQLite format 3": "a database of SQLite; export its tables as CSV",
    b"\x89HDF": "an HDF5 file; export it as CSV or Parquet",
}
EXPECTED = "expected JSON or Python literals with one object per line, a table of text, or Parquet"
_ATOMIC = re.compile(r"[^\t:]+:(?:token|token_seq|float|float_seq)")
_UNDECODED = re.compile("[\udc80-\udcff]")


class _Every(frozenset[str]):
    """Holds whatever is looked for in it."""

    def __contains__(self, _: object) -> bool:
        return True


EVERY = _Every()


class NotRead(Exception):
    """The file is none that is read; the message says what it is and what was expected."""


@dataclass
class RawFile:
    """A raw file, of which the beginning was read.

    Attributes:
        label: its name in messages.
        source: where it is, as a source of the config's.
        size: bytes, as it lies there.
        path: holds its beginning, as the readers take it.
        whole: whether that is all of it.
        file_format: one of :data:`recexplainer.data.records.FORMATS`.
        layout: what of a table's is other than usual.
        names: its columns, or the keys of its first records.
        rows: the records of its beginning.
        notes: what was assumed, and what is not read.
        broken: counts the lines of its beginning that cannot be read.
    """

    label: str
    source: dict[str, str]
    size: int
    path: Path
    whole: bool = True
    file_format: str = ""
    layout: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: BrokenLines = field(init=False)

    @property
    def unnamed(self) -> bool:
        """Whether it is a table whose columns have no names of their own."""
        return "columns" in self.layout

    def rename(self, names: dict[str, str]) -> None:
        """Give columns that have no names of their own better ones than their numbers."""
        self.names = self.layout["columns"] = [names.get(name, name) for name in self.names]
        self.rows = [{names.get(name, name): value for name, value in row.items()} for row in self.rows]


def raw_files(path: str, folder: Path) -> Iterator[RawFile]:
    """Yield what is recognised at a path: the file, or each of an archive's that can be read.

    Args:
        path: a file, an archive, or ``ARCHIVE:MEMBER``.
        folder: for the beginnings.

    Raises:
        InputError: there is no file, or none that can be read.
    """
    name, member = path, ""
    if not Path(path).exists() and ":" in path:
        name, _, member = path.partition(":")
    if local_path(name) != name:
        raise InputError(f"{name}: in the config '$' and '~' in a name stand for something else. Rename the file.")
    with opened(Path(name)) as handle:
        head = handle.read(HEAD + 1)
    if not head:
        raise InputError(f"{name}: the file is empty; {EXPECTED}.")
    size = Path(name).stat().st_size
    if head.startswith(b"PAR1") or not is_archive(Path(name)):
        if member:
            raise InputError(f"{name}: not a zip or tar archive, out of which {member!r} is to be taken.")
        try:
            yield _recognised(RawFile(name, {"path": name}, size, _free(folder)), head)
        except NotRead as error:
            raise InputError(f"{name}: {error}.") from None
        return
    try:
        yield from _members(name, member, folder)
    except NotThere as error:
        raise InputError(f"{name}: {error}.") from None


def _members(archive: str, wanted: str, folder: Path) -> Iterator[RawFile]:
    """Yield the files of an archive that can be read."""
    any_read, seen, why = False, [], ""
    for name, size, head in beginnings(Path(archive), HEAD + 1):
        seen.append(name)
        if name == "xl/workbook.xml":
            raise InputError(f"{archive}: a workbook of Excel; save each of its sheets as CSV.")
        if len(seen) > MEMBERS and not wanted:
            raise InputError(f"{archive}: over {MEMBERS} files in the archive. Name two of them, as {archive}:MEMBER.")
        if (wanted and name != wanted) or not head:
            continue
        file = RawFile(f"{archive}:{name}", {"path": archive, "member": name}, size, _free(folder))
        try:
            if head.startswith(b"PAR1") and size > HEAD:
                extract(Path(archive), name, file.path)
            yield _recognised(file, head)
            any_read = True
        except (NotRead, InputError) as error:
            why = why or f"{shown(name)} is {error}"
    if not any_read:
        there = ", ".join(map(shown, seen[:10])) or "none"
        reason = f"; {why}" if why else ""
        raise InputError(f"{archive}: no file {wanted and repr(wanted) + ' '}in it is read; found: {there}{reason}.")


def _free(folder: Path) -> Path:
    return folder / str(len(list(folder.iterdir())))


def _recognised(file: RawFile, head: bytes) -> RawFile:
    """Tell what a file is, write its beginning, and read the first records.

    Raises:
        NotRead: it is none of the formats.
        InputError: it is one of them, but empty or damaged.
    """
    if kind := next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None):
        raise NotRead(kind if ";" in kind else f"{kind}; {EXPECTED}")
    if head.startswith(b"PAR1"):
        _shorten_parquet(file, head)
    else:
        file.whole = len(head) <= HEAD
        head = _text(file, head)
        file.path.write_bytes(head)
        _tell_format(file, head.decode(file.layout.get("encoding", "utf-8"), "surrogateescape").lstrip("\ufeff"))
    file.broken = BrokenLines(file.label, 1.0, "row" if file.file_format == "parquet" else "line")
    if file.file_format in LINES:
        parse = parser("amazon", set()) if file.file_format == "amazon" else lambda line: parse_line(line, EVERY)
        numbered = parsed(lines(file.path), parse, file.broken)
    else:
        if unusable := [name for name in file.names if not name or file.names.count(name) > 1]:
            file.notes.append(f"columns without a name of their own are left aside: {', '.join(map(repr, unusable))}")
        keys = {name: [name] for name in file.names if name not in unusable}
        numbered = records(file.path, file.file_format, OneLayout(**file.layout), keys, file.broken)
    file.rows = [record for _, record in numbered]
    if not file.rows:
        raise NotRead(f"without a record that can be read; {file.broken.first or EXPECTED}")
    if file.file_format in LINES:
        file.names = list(dict.fromkeys(name for row in file.rows[:TRIED] for name in row))
    return file


def _shorten_parquet(file: RawFile, head: bytes) -> None:
    file.file_format, source = "parquet", file.path if file.path.exists() else file.source["path"]
    try:
        with pq.ParquetFile(io.BytesIO(head) if "member" in file.source and len(head) <= HEAD else source) as opened:
            first = next(opened.iter_batches(ROWS), None)
            file.names, file.whole = opened.schema_arrow.names, opened.metadata.num_rows <= ROWS
        if first is None:
            raise NotRead("a table of Parquet without a row")
        beginning = file.path.with_suffix(".parquet")
        pq.write_table(pa.Table.from_batches([first]), beginning)
        file.path = beginning
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise NotRead(f"not a readable Parquet file ({shown(' '.join(str(error).split()))[:200]})") from None


def _text(file: RawFile, head: bytes) -> bytes:
    """Return the whole lines of a text's beginning; its encoding goes into the layout, if it is not UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        file.layout["encoding"] = "utf-16"
        text = head[: len(head) // 2 * 2].decode("utf-16", "ignore")
        return (text if file.whole else text[: text.rfind("\n") + 1]).encode("utf-16")
    if head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"["):
        raise NotRead("a JSON array; expected one JSON object per line, without brackets and commas around them")
    if b"\0" in head:
        raise NotRead(f"no text: it holds bytes of zero; {EXPECTED}")
    if not file.whole:
        head = head[: head.rfind(b"\n") + 1]
        # An open quotation mark at the end would be one of a value that goes on.
        for _ in range(100):
            if head.count(b'"') % 2 and (end := head.rfind(b"\n", 0, -1)) > 0:
                head = head[: end + 1]
        if not head:
            raise NotRead("without an end of line in its first 4 MiB; expected one record per line")
    if not head.strip().removeprefix(BYTE_ORDER_MARK).strip():
        raise NotRead(f"a file of blank lines; {EXPECTED}")
    odd = [line for line in head.split(b"\n") if not line.isascii()]
    broken = 0
    for line in odd:
        try:
            line.decode()
        except UnicodeDecodeError:
            broken += 1
    if 2 * broken > len(odd):
        controls = len(re.findall(rb"[\x80-\x9f]", head))
        file.layout["encoding"] = "latin-1"
        if controls:
            with suppress(UnicodeDecodeError):
                head.decode("cp1252")
                file.layout["encoding"] = "cp1252"
        file.notes.append(f"not UTF-8; {file.layout['encoding']} is assumed: see whether the titles are right")
    return head


def _tell_format(file: RawFile, text: str) -> None:
    """Tell the format of a text, and of a table its layout and names."""
    first = text.lstrip()
    if first.startswith("{"):
        if file.layout.pop("encoding", None):
            file.notes[:] = ["not UTF-8, as which alone objects are read: write it anew in UTF-8"]
        tried = [line.encode("utf-8", "surrogateescape") for line in first.split("\n")[:TRIED] if line.strip()]
        objects = {"amazon": sum(map(_is_json, tried)), "steam": sum(map(_is_literal, tried[:50]))}
        if not any(objects.values()):
            raise NotRead("an object over several lines; expected one JSON object (or Python literal) per line")
        file.file_format = max(objects, key=lambda file_format: objects[file_format])
        return
    names = first.partition("\n")[0].rstrip("\r").split("\t")
    if all(map(_ATOMIC.fullmatch, names)):
        file.file_format, file.names = "recbole", [name.rpartition(":")[0] for name in names]
        return
    file.file_format = "csv"
    rows = _tell_layout(file, text)
    first_row = next(split_rows(io.StringIO(text, newline=""), "csv", OneLayout(**file.layout), lambda *_: None))[1]
    if first_row != rows[0]:
        raise NotRead(
            f"a table whose first line has {len(first_row)} values, and most others {len(rows[0])}; expected the names "
            "of the columns there, or a record"
        )
    if _has_names(file, rows):
        file.names = [name.strip() for name in rows[0]]
    else:
        file.names = file.layout["columns"] = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _is_literal(line: bytes) -> bool:
    try:
        return isinstance(parse_line(line, EVERY), dict)
    except ValueError:
        return False


def _tell_layout(file: RawFile, text: str) -> list[list[str]]:
    """Choose the delimiter and what quotation marks mean; return the first rows.

    Raises:
        NotRead: no delimiter gives most lines as many values.
    """
    best, best_rows, chosen = (0.0, 0, 0.0), [], {}
    for delimiter in (*DELIMITERS, " "):
        if delimiter == " " and best[0]:  # of a table of single words alone
            break
        ways: list[dict[str, Any]] = [{}] if len(delimiter) > 1 else [{}, {"escape": "\\"}, {"quoted": False}]
        for way in ways:
            rows, fitting = _rows(text, OneLayout(**{"delimiter": delimiter} | way))
            width = len(rows[0]) if rows else 0
            # The most lines, of nearly as many the most columns, and of all alike the first.
            rank = (1.0 if fitting > 0.98 else fitting, width, fitting)
            if width > 1 and fitting >= FITTING and rank > best:
                best, best_rows = rank, rows
                chosen = way | ({"delimiter": delimiter} if delimiter != OneLayout().delimiter else {})
    if not best_rows:
        raise NotRead(
            "a text of which no delimiter (:: tab ; | , space) makes lines of as many values each, or one without "
            f"columns; {EXPECTED}"
        )
    file.layout |= chosen
    return best_rows


def _rows(text: str, layout: OneLayout) -> tuple[list[list[str]], float]:
    """Return the first rows that have as many values as most, and which share of the lines they are."""
    lost = 0

    def skip(_number: int, _why: str, count: int = 1) -> None:
        nonlocal lost
        lost += count

    numbered = itertools.islice(split_rows(io.StringIO(text, newline=""), "csv", layout, skip), TRIED)
    rows = [row for _, row in numbered]
    widths = [len(row) for row in rows]
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    kept = [row for row in rows if len(row) == usual]
    return kept, len(kept) / max(1, len(rows) + lost)


def _has_names(file: RawFile, rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns; a note says so if it cannot be told."""
    first, rest = rows[0], rows[1:]
    values = [is_number(cell) or parse_time(cell) is not None for cell in first]
    if any(values):
        return False
    if any(map(is_known, first)):
        return True
    for column in zip(*rest, strict=True):
        there = [cell for cell in column if cell]
        if there and sum(is_number(cell) or parse_time(cell) is not None for cell in there) >= FITTING * len(there):
            return True
    file.notes.append("that its first line names the columns is assumed: nothing but texts stand below it")
    return True
