"""CSV files that are read as they were written: text, cell by cell."""

import csv
from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_text


def read_rows(path: str | Path, columns: list[str]) -> list[dict[str, str]]:
    """Read a CSV file as text, cell by cell; lines that start with ``#`` are comments.

    Args:
        path: the file.
        columns: that it has to have, among others.

    Raises:
        InputError: the file is missing or damaged, is not UTF-8, lacks a column, or has a line with too few or too many
            cells.
    """
    lines = read_text(path, "CSV file").splitlines(keepends=True)
    skipped = sum(line.startswith("#") for line in lines)
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    missing = [name for name in columns if name not in (reader.fieldnames or [])]
    if missing:
        raise InputError(
            f"{path}: column {missing[0]!r} is missing; found {', '.join(reader.fieldnames or []) or 'none'}."
        )
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise InputError(
                f"{path}: line {reader.line_num + skipped}: expected {len(reader.fieldnames or ())} cells, "
                "as in the line with the columns' names."
            )
        rows.append(row)
    return rows
