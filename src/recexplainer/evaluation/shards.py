"""Predictions that several jobs share: each writes its own cases, and they are merged in the order of the test file."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.evaluation.predictions import SCHEMAS, write_predictions
from recexplainer.files import checksum_of, read_parquet, write_parquet

logger = logging.getLogger(__name__)

PLACE = [("number", pa.int32()), ("cases", pa.int32())]
"""Further columns of a shard: a case's number in the test file's order, from 0, and how many cases all shards have."""


def write_shard(path: str | Path, task: str, rows: list[dict[str, Any]], numbers: list[int], cases: int) -> None:
    """Write some cases of one task with their numbers among all ``cases``."""
    placed = [row | {"number": number, "cases": cases} for row, number in zip(rows, numbers, strict=True)]
    write_parquet(path, pa.Table.from_pylist(placed, schema=pa.schema([*SCHEMAS[task], *PLACE])))


def merge_predictions(shards: list[str], folder: str) -> None:
    """Merge the files of some shards; the result is, byte for byte, what one job for all cases writes.

    Args:
        shards: the folders of all shards.
        folder: where the results go.

    Raises:
        InputError: a file is missing or unreadable, or a case is missing or there twice.
    """
    for task, schema in SCHEMAS.items():
        columns = pa.schema([*schema, *PLACE])
        rows: list[dict[str, Any]] = []
        for shard in shards:
            rows += read_parquet(Path(shard) / f"{task}.parquet", columns).to_dict("records")
        rows.sort(key=lambda row: row["number"])
        for place, row in enumerate(rows):
            if (row["number"], row["cases"]) != (place, len(rows)):
                raise InputError(
                    f"{', '.join(shards)}: {task}: {len(rows)} cases, and not each of {row['cases']} once. "
                    "The shards are not of one run; delete them and predict again."
                )
        write_predictions(Path(folder) / f"{task}.parquet", task, [_without_place(row) for row in rows])
    for shard in shards:  # Snakemake deletes them, and does not know of their checksums
        for task in SCHEMAS:
            checksum_of(Path(shard) / f"{task}.parquet").unlink(missing_ok=True)
    logger.info("predictions of %d shards in %s", len(shards), folder)


def _without_place(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("number", "cases")}
