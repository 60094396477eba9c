"""The files of predictions: one row per case, one file per task."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.files import write_parquet

TITLES = pa.list_(pa.string())
CASE = [("sample", pa.string()), ("user", pa.int32())]
SCHEMAS = {
    "retrieval": pa.schema(
        [*CASE, ("target", pa.string()), ("predictions", TITLES), ("constrained", TITLES), ("read", pa.int32())]
    ),
    "ranking": pa.schema(
        [*CASE, ("target", TITLES), ("candidates", TITLES), ("text", pa.string()), ("predicted", TITLES)]
    ),
    "classification": pa.schema(
        [*CASE, ("target", pa.bool_()), ("predicted", pa.bool_()), ("score", pa.float32()), ("text", pa.string())]
    ),
    "reconstruction": pa.schema(
        [*CASE, ("target", TITLES), ("text", pa.string()), ("predicted", TITLES), ("read", pa.int32())]
    ),
}
"""The columns of each task's file.

``target`` is what the recommender says (``true`` is Yes), ``predictions`` and ``constrained`` are beams, best
first, ``predicted`` is the answer as it was read (null: an unreadable one), ``read`` is how many of the titles in it
are of the catalogue, ``score`` is the logit of Yes less that of No. A system that does not do a task writes a file
without rows.
"""

POINTWISE = pa.schema(
    [
        *CASE,
        ("system", pa.string()),
        ("target", TITLES),
        ("candidates", TITLES),
        ("scores", pa.list_(pa.float32())),
        ("predicted", TITLES),
    ]
)
"""The columns of ``pointwise.parquet``: one row per system and case. ``scores`` are those of the candidates, in the
order in which the ranking task shows them; ``predicted`` has the candidates by their scores, the highest first."""


def case(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that name a case, from its row in the test file."""
    return {"sample": row["sample"], "user": row["user"]}


def check_candidates(rows: list[dict[str, Any]], index: dict[str, int]) -> None:
    """Refuse tasks of another catalogue.

    Args:
        rows: of the ranking cases.
        index: item by title.

    Raises:
        InputError: a candidate is no title of the catalogue.
    """
    for row in rows:
        unknown = [title for title in row["candidates"] if title not in index]
        if unknown:
            raise InputError(
                f"{row['sample']}: candidate {unknown[0]!r} is no title of the catalogue; "
                "expected tasks and items of the same dataset. Build the tasks again."
            )


def write_predictions(path: str | Path, task: str, rows: list[dict[str, Any]]) -> None:
    """Write the cases of one task, in the order given."""
    write_parquet(path, pa.Table.from_pylist(rows, schema=SCHEMAS[task]))
