"""The numbers of the paper's tables 1 to 4, and where each of them is in our tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from recexplainer.csv_rows import read_rows
from recexplainer.errors import InputError
from recexplainer.tables.table2 import METRICS

COLUMNS = ["table", "section", "dataset", "method", "metric", "value"]
COUNTS = ["users", "items", "interactions", "sparsity_percent"]

Key = tuple[str, str, str, str]
Part = tuple[str, str, str]
"""Table, dataset, method, metric; the method is "" in tables 1 and 4."""


@dataclass(frozen=True)
class Number:
    """One number of the paper.

    Attributes:
        table: ``1`` to ``4``.
        section: of the paper, where the table is discussed.
        dataset, method, metric: by this repository's names; the method is "" in tables 1 and 4.
        printed: as in the paper, with thousands separators and percent sign.
        value: the same as a number.
    """

    table: str
    section: str
    dataset: str
    method: str
    metric: str
    printed: str
    value: float

    @property
    def key(self) -> Key:
        return self.table, self.dataset, self.method, self.metric


@dataclass(frozen=True)
class Ours:
    """One number of ours, with the ends of its 95 % interval and its cases, which a count does not have."""

    value: float
    low: float | None = None
    high: float | None = None
    cases: float | None = None


def number(text: str, path: str | Path, what: str) -> float | None:
    """Read a cell, None if it is empty.

    Raises:
        InputError: it is not a finite number.
    """
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{path}: {what}: {text!r}; expected a number.")
    return value


def read_numbers(path: str | Path) -> list[Number]:
    """Read the paper's numbers, in the order of the file.

    Raises:
        InputError: the file is missing, a value is no number, or a number occurs twice.
    """
    result: list[Number] = []
    seen: set[Key] = set()
    for row in read_rows(path, COLUMNS):
        what = " ".join(row[name] for name in COLUMNS[:5] if row[name])
        value = number(row["value"].replace(",", "").removesuffix("%"), path, what)
        if row["table"] not in ("1", "2", "3", "4") or value is None:
            raise InputError(f"{path}: {what}: expected a table from 1 to 4 and a value.")
        table, section, dataset, method, metric, printed = (row[name] for name in COLUMNS)
        one = Number(table, section, dataset, method, metric, printed, value)
        if one.key in seen:
            raise InputError(f"{path}: {what}: occurs twice; keep the one that is printed.")
        seen.add(one.key)
        result.append(one)
    return result


def read_ours(tables: Mapping[str, str], judge: str | None) -> dict[Key, Ours]:
    """Collect our numbers under the paper's keys; what a table leaves empty is absent.

    Args:
        tables: our CSV of each of the tables ``1`` to ``4``; a table may be absent.
        judge: whose ratings stand for GPT-4's; None for nobody's. The offline rubric's never do.

    Raises:
        InputError: a file is missing or broken.
    """
    readers: dict[str, Callable[[str], dict[Part, Ours]]] = {
        "1": _table1,
        "2": _table2,
        "3": lambda path: _table3(path, judge),
        "4": _table4,
    }
    return {
        (table, *key): ours
        for table, read in readers.items()
        if table in tables
        for key, ours in read(tables[table]).items()
    }


def _table1(path: str) -> dict[Part, Ours]:
    values = {
        (row["dataset"], "", metric): number(row[metric], path, f"{row['dataset']} {metric}")
        for row in read_rows(path, ["dataset", *COUNTS])
        for metric in COUNTS
    }
    return {key: Ours(value) for key, value in values.items() if value is not None}


def _table2(path: str) -> dict[Part, Ours]:
    result = {}
    columns = [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    counts = [f"{task}_cases" for task in dict.fromkeys(METRICS.values())]
    for row in read_rows(path, ["dataset", "method", *columns, *counts]):
        for metric, task in METRICS.items():
            what = f"{row['dataset']} {row['method']} {metric}"
            names = (metric, f"{metric}_low", f"{metric}_high", f"{task}_cases")
            value, *rest = (number(row[name], path, what) for name in names)
            if value is not None:
                result[row["dataset"], row["method"], metric] = Ours(value, *rest)
    return result


def _table3(path: str, judge: str | None) -> dict[Part, Ours]:
    result = {}
    for row in read_rows(path, ["judge", "method", "dataset", "rating", "rating_low", "rating_high", "cases"]):
        if row["judge"] == judge and judge != "rubric":
            what = f"{row['dataset']} {row['method']} rating"
            names = ("rating", "rating_low", "rating_high", "cases")
            value, *rest = (number(row[name], path, what) for name in names)
            if value is not None:
                result[row["dataset"], row["method"], "rating"] = Ours(value, *rest)
    return result


def _table4(path: str) -> dict[Part, Ours]:
    result = {}
    for row in read_rows(path, ["task"]):
        for column in row:
            dataset, _, split = column.rpartition("_")
            if split in ("train", "test"):
                value = number(row[column], path, f"{row['task']} {column}")
                if value is not None:
                    result[dataset, "", f"{row['task']}_{split}"] = Ours(value)
    return result


def read_sizes(path: str) -> dict[str, dict[str, int]]:
    """Return the users, items and interactions of each dataset of our table 1.

    Raises:
        InputError: the file is missing or broken.
    """
    return {
        row["dataset"]: {name: int(number(row[name], path, f"{row['dataset']} {name}") or 0) for name in COUNTS[:3]}
        for row in read_rows(path, ["dataset", *COUNTS])
    }


def paper_counts(path: str) -> dict[str, dict[str, int]]:
    """Return the whole numbers of the paper's tables 1 and 4 by dataset and metric.

    Raises:
        InputError: the file is missing or broken.
    """
    counts: dict[str, dict[str, int]] = {}
    for paper in read_numbers(path):
        if paper.table in ("1", "4") and paper.value.is_integer():
            counts.setdefault(paper.dataset, {})[paper.metric] = int(paper.value)
    return counts
