"""The files of judgements: one row per case and system, one file per judge."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from recexplainer.files import read_parquet, write_parquet

JUDGEMENTS = pa.schema(
    [
        ("case", pa.string()),
        ("system", pa.string()),
        ("judge", pa.string()),
        # 1 to 4; null where the judge's reply could not be read.
        ("rating", pa.int32()),
        # What the judge said last, and how often it was asked.
        ("reply", pa.string()),
        ("attempts", pa.int32()),
        # Why the judge rates so, "" if it gives no reason of its own; of a failed judgement, why it failed.
        ("reason", pa.string()),
        ("failed", pa.bool_()),
    ]
)


def write_judgements(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write judgements in the order given."""
    write_parquet(path, pa.Table.from_pylist(rows, schema=JUDGEMENTS))


def load_judgements(path: str | Path) -> list[dict[str, Any]]:
    """Read judgements; ``rating`` is an int, or None.

    Raises:
        InputError: the file is missing or broken.
    """
    rows = read_parquet(path, JUDGEMENTS).to_dict("records")
    return [row | {"rating": int(row["rating"]) if row["rating"] == row["rating"] else None} for row in rows]
