"""Reading and writing: a file is whole under its final name, or not there.

Every writer writes to a temporary name in the same folder, then renames. The
bytes depend on the content alone: no clock, no process id, sorted JSON keys.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on failure.

    The file gets the permissions of an ordinary new file, whatever its writer gave it (safetensors: the owner alone).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
        InputError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a JSON file. Run the stage that makes it.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid JSON ({error}). Delete it and run its stage again.") from None


def write_csv(path: str | Path, frame) -> None:
    """Write a pandas frame as CSV, without its index, with ``\\n`` line ends."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_parquet(path: str | Path, table) -> None:
    """Write a pandas or polars frame, or an Arrow table, as zstd Parquet without metadata of its maker."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if hasattr(table, "to_arrow"):
        table = table.to_arrow()
    elif not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def read_parquet(path: str | Path, columns: list[str] | None = None):
    """Read a Parquet file as a pandas frame.

    Raises:
        InputError: the file is missing or corrupt, or a column is not there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a Parquet file. Run the stage that makes it.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}). Delete it and run its stage again.") from None
    missing = [name for name in columns or [] if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing; found {', '.join(table.column_names)}.")
    return (table.select(columns) if columns else table).to_pandas()


def write_safetensors(path: str | Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write NumPy arrays or torch tensors, by name, as one safetensors file."""
    import numpy as np
    from safetensors.numpy import save_file

    arrays = {
        name: np.ascontiguousarray(value if isinstance(value, np.ndarray) else value.detach().cpu().numpy())
        for name, value in tensors.items()
    }
    with atomic(path) as temporary:
        save_file(arrays, temporary, metadata=metadata)


def read_safetensors(path: str | Path) -> dict[str, Any]:
    """Read a safetensors file as NumPy arrays by name.

    Raises:
        InputError: the file is missing or corrupt.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a safetensors file. Run the stage that makes it.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file ({error}). Delete it and run its stage again."
        ) from None
