"""Reading and writing: a file is whole under its final name, or not there.

Every writer writes to a temporary name in the same folder, then renames. The
bytes depend on the content alone: no clock, no process id, sorted JSON keys.
Parquet pages and safetensors carry checksums, so that no damaged number is read. Beside every file ``x`` lies
``.x.sha256``, as ``sha256sum`` writes it: what readers of CSV, JSON and text check, and ``make verify`` of all files.
A file without one, which a user has made, is read as it is.
"""

import glob
import hashlib
import io
import itertools
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError, shown

_PARQUET = {"compression": "zstd", "write_page_checksum": True}
_written: list[Path] = []
"""The files that have been written and are to be gone should what they belong to fail; see :func:`together`."""
DAMAGED = "not what was written there (its checksum differs). Delete it and run its stage again."


def named(path: str | Path, kind: str) -> Path:
    """Return where something is to be written. Without a name, that is an :class:`InputError`."""
    path = Path(path)
    if not path.name:
        raise InputError(f"{str(path)!r} cannot be written: expected the name of a {kind}.")
    return path


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on failure.

    The file gets the permissions of an ordinary new file, whatever its writer gave it (safetensors: the owner alone).
    The temporary file of a killed writer is deleted. So is that of a writer that still runs, because its run was
    killed without it: it then fails, instead of mixing its bytes with those of the new one.

    Raises:
        OSError: the file cannot be written; it names ``path``.
    """
    path = named(path, "file")
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.partial"):
        leftover.unlink(missing_ok=True)
    temporary = _hidden(path)
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        place(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def place(temporary: Path, path: Path) -> None:
    """Give a file that is whole and on the disk its final name, and its checksum.

    A kill leaves the new file without a checksum at worst, never one with that of another.
    """
    summed = _hidden(path)
    try:
        with open(summed, "w", encoding="utf-8") as handle:
            handle.write(_sum_line(path, sha256(temporary)))
            handle.flush()
            os.fsync(handle.fileno())
        for made in (temporary, summed):
            made.chmod(0o666 & ~_umask())
        checksum_of(path).unlink(missing_ok=True)
        os.replace(temporary, path)
        _written.append(path)
        os.replace(summed, checksum_of(path))
    except BaseException:
        summed.unlink(missing_ok=True)
        raise


@contextmanager
def kept() -> Iterator[None]:
    """What is written inside stays even if the program fails: it goes on from there."""
    before = len(_written)
    try:
        yield
    finally:
        del _written[before:]


@contextmanager
def together() -> Iterator[None]:
    """What is written inside is there as a whole, or not at all: a part of a program's outputs would pass for all."""
    before = len(_written)
    try:
        yield
    except Exception:
        for path in _written[before:]:
            delete(path)
        raise
    finally:
        del _written[before:]


def _hidden(path: Path) -> Path:
    """Return a new name for what will be ``path``, or be of it."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def checksum_of(path: str | Path) -> Path:
    """Return the file that holds the checksum of ``path``."""
    return Path(path).parent / f".{Path(path).name}.sha256"


def checked_by(summed: Path) -> Path:
    """Return the file whose checksum ``summed`` holds: the other way round than :func:`checksum_of`."""
    return summed.with_name(summed.name.removeprefix(".").removesuffix(".sha256"))


def _sum_line(path: Path, digest: str) -> str:
    return f"{digest}  {path.name}\n"


def is_whole(path: str | Path, content: bytes | None = None) -> bool:
    """Return whether a file is what its checksum says; also if it has none.

    Args:
        content: of the file, if it has been read.
    """
    try:
        line = checksum_of(path).read_bytes()
    except FileNotFoundError:
        return True
    digest = sha256(path) if content is None else hashlib.sha256(content).hexdigest()
    return line == _sum_line(Path(path), digest).encode()


def check(path: str | Path) -> None:
    """Refuse a file that is not what was written there.

    Raises:
        InputError: its checksum differs. A missing file is left to its reader.
    """
    try:
        whole = is_whole(path)
    except OSError:
        return
    if not whole:
        raise InputError(f"{path}: {DAMAGED}")


def read_bytes(path: str | Path) -> bytes:
    """Read a file as it was written.

    Raises:
        InputError: its checksum differs.
        FileNotFoundError: there is no such file.
    """
    content = Path(path).read_bytes()
    if not is_whole(path, content):
        raise InputError(f"{path}: {DAMAGED}")
    return content


def read_text(path: str | Path, what: str = "text file") -> str:
    """Read a text in UTF-8.

    Args:
        what: the kind of file, for the message.

    Raises:
        InputError: the file is missing or damaged, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a {what}. Run the stage that makes it.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 ({error}). Save it as UTF-8 if you wrote it; else delete it and run its stage again."
        ) from None


def delete(path: Path) -> None:
    """Delete a file, if it is there, and its checksum."""
    path.unlink(missing_ok=True)
    checksum_of(path).unlink(missing_ok=True)


def _umask() -> int:
    """Return the process's umask, which can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or damaged, or is not JSON.
    """
    text = read_text(path, "JSON file")
    try:
        value = json.loads(text)
        if "\\u" in text:  # half a surrogate pair is no text, and could not be written again
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}). Delete it and run its stage again.") from None


def write_csv(path: str | Path, frame: Any) -> None:
    """Write a pandas frame as CSV, without its index, with ``\\n`` line ends."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: str | Path, **options: Any) -> Any:
    """Read a CSV file as a pandas frame.

    Args:
        options: further ones of :func:`pandas.read_csv`.

    Raises:
        InputError: the file is missing or damaged, or is not CSV.
    """
    import pandas as pd

    text = read_text(path, "CSV file")
    try:
        return pd.read_csv(io.StringIO(text), **options)
    except ValueError as error:  # pandas' own errors of reading are some
        raise InputError(f"{path}: not a readable CSV file ({error}). Delete it and run its stage again.") from None


def write_parquet(path: str | Path, table: Any) -> None:
    """Write a pandas or polars frame, or an Arrow table, as zstd Parquet: checksums, no metadata of its maker."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if hasattr(table, "to_arrow"):
        table = table.to_arrow()
    elif not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    # Each page has a checksum of its own; what the file says of its columns and rows needs this one.
    table = table.replace_schema_metadata({"sha256": _outline(table.schema, table.num_rows)})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, **_PARQUET)


def write_row_groups(path: str | Path, tables: Iterator[Any]) -> None:
    """Write Arrow tables of the same columns as row groups of one Parquet file; only two are in memory at a time.

    A single one, of at most a million rows, gives the bytes that :func:`write_parquet` gives.
    """
    import pyarrow.parquet as pq

    first, second = next(tables), next(tables, None)
    if second is None:
        write_parquet(path, first)
        return
    rows = 0
    with atomic(path) as temporary, pq.ParquetWriter(temporary, first.schema, **_PARQUET) as writer:
        for table in itertools.chain([first, second], tables):
            writer.write_table(table)
            rows += table.num_rows
        # The columns' own metadata are written first, when the number of rows is not known.
        writer.add_key_value_metadata({"sha256": _outline(first.schema, rows)})


def _outline(schema: Any, rows: int) -> str:
    """Return the SHA-256 of an Arrow table's column names and types and its number of rows."""
    # Parquet has a name of its own for what is in a list.
    types = [[field.name, str(field.type).replace("list<item: ", "list<element: ")] for field in schema]
    return hashlib.sha256(json.dumps([types, rows]).encode()).hexdigest()


def read_arrow(path: str | Path, columns: Any = None) -> Any:
    """Read a Parquet file as an Arrow table.

    Args:
        columns: the names of those to be read, or an Arrow schema; default: all, of any kind.

    Raises:
        InputError: the file is missing or corrupt, or a column is not there, or not of its kind; see
            :func:`recexplainer.columns.check_columns`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from recexplainer.columns import check_columns

    check(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table, rows, metadata = file.read(), file.metadata.num_rows, file.metadata.metadata or {}
        outline = _outline(table.schema, table.num_rows)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a Parquet file. Run the stage that makes it.") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}). Delete it and run its stage again.") from None
    # A file from elsewhere has no such checksum.
    if table.num_rows != rows or metadata.get(b"sha256", outline.encode()) != outline.encode():
        raise InputError(f"{path}: {DAMAGED}")
    if columns is None:
        return table
    names = columns.names if isinstance(columns, pa.Schema) else columns
    for name in names:
        if (times := table.column_names.count(name)) != 1:
            wrong, there = "there twice" if times else "missing", ", ".join(map(shown, table.column_names))
            raise InputError(f"{path}: column {name!r} is {wrong}; found {there or 'none'}.")
    check_columns(path, table, columns)
    return table.select(names)


def read_parquet(path: str | Path, columns: Any = None) -> Any:
    """Read a Parquet file as a pandas frame; see :func:`read_arrow`."""
    return read_arrow(path, columns).to_pandas()


def write_safetensors(path: str | Path, tensors: dict[str, Any]) -> None:
    """Write NumPy arrays or torch tensors, by name, as one safetensors file that holds a digest of them."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {
        name: np.ascontiguousarray(value if isinstance(value, np.ndarray) else value.detach().cpu().numpy())
        for name, value in tensors.items()
    }
    with atomic(path) as temporary:
        try:
            # One key alone: the library writes several in any order.
            save_file(arrays, temporary, metadata={"sha256": _digest(arrays)})
        except SafetensorError as error:
            code = re.search(r"\(os error (\d+)\)", str(error))
            raise (OSError(int(code[1]), os.strerror(int(code[1]))) if code else error) from None


def read_safetensors(path: str | Path) -> dict[str, Any]:
    """Read a safetensors file as NumPy arrays by name. If it holds a digest of them, it is checked.

    Raises:
        InputError: the file is missing or corrupt.
    """
    from safetensors import SafetensorError, safe_open

    check(path)
    try:
        with safe_open(path, framework="np") as file:
            arrays, metadata = file.get_tensors(), file.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a safetensors file. Run the stage that makes it.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file ({error}). Delete it and run its stage again."
        ) from None
    except (TypeError, AttributeError) as error:  # NumPy has no type of these: BF16, F8_E4M3 and the like
        raise InputError(
            f"{path}: numbers of a kind that is not read here ({error}); expected float32. Save them with .float()."
        ) from None
    if "sha256" in metadata and metadata["sha256"] != _digest(arrays):
        raise InputError(f"{path}: {DAMAGED}")
    return arrays


def _digest(arrays: dict[str, Any]) -> str:
    """Return the SHA-256 of arrays: their names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, str(array.dtype), list(array.shape)]).encode())
        digest.update(array.reshape(-1).view("uint8"))
    return digest.hexdigest()
