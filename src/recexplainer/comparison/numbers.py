"""The numbers of a run's tables, each with the spread of the sample that it is a mean of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import read_csv
from recexplainer.paper.paired import variance_of
from recexplainer.tables.table2 import CONSTRAINED, METRICS, UNREAD

TASKS = METRICS | CONSTRAINED | UNREAD
"""The task whose cases a metric of table 2, or of the surrogates, is taken over."""

Key = tuple[str, str, str, str]
"""Table, dataset, system, metric; "" where a table has none."""


@dataclass(frozen=True)
class Layout:
    """How a table is read.

    Attributes:
        system: the columns that name a row beside ``dataset``; together they are the system.
        metric: the column that names what is measured; None where each measure has a column of its own.
        values: the columns of values; None for all that have an interval, or, in a table of counts, are numbers.
        counts: whether the numbers have no error of sampling.
    """

    system: tuple[str, ...]
    metric: str | None = None
    values: tuple[str, ...] | None = None
    counts: bool = False


TABLES = {
    "table1": Layout((), counts=True),
    "table4": Layout(("task",), counts=True),
    "recommender": Layout(("model",)),
    "table2": Layout(("method",)),
    "surrogates": Layout(("method", "against", "information")),
    "table3": Layout(("judge", "method"), values=("rating",)),
    "faithfulness": Layout(("method",), metric="metric", values=("value",)),
}
"""What is compared. The other tables follow from these, or say what was paid and what people said."""


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        value: the mean.
        variance: of the mean, from the width of its 95 % interval; 0 for a count.
        cases: of the mean; None where the table does not say.
        count: whether it has no error of sampling.
    """

    value: float
    variance: float = 0.0
    cases: float | None = None
    count: bool = False


def tables_of(run: str | Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a folder of results, or of a published one, as far as they are there.

    Raises:
        InputError: the folder has none of :data:`TABLES`, or one is broken.
    """
    folder = Path(run) / "tables"
    found = {name: read_csv(folder / f"{name}.csv") for name in TABLES if (folder / f"{name}.csv").is_file()}
    if not found:
        raise InputError(f"{run}: no tables in {folder}; expected the results of a run, or a published one.")
    return found


def numbers_of(tables: Mapping[str, pd.DataFrame], run: str | Path) -> dict[Key, Number]:
    """Return every number of some tables, in their order.

    Args:
        tables: of :func:`tables_of`.
        run: where they are from, for the messages.

    Raises:
        InputError: a table lacks a column, or has a number twice.
    """
    found: dict[Key, Number] = {}
    for table, frame in tables.items():
        layout = TABLES[table]
        needed = [*layout.system, *([layout.metric] if layout.metric else []), *(layout.values or ())]
        missing = [name for name in needed if name not in frame]
        if missing:
            raise InputError(f"{run}: table {table}: column {missing[0]!r} is missing; found {', '.join(frame)}.")
        _check_numbers(frame, layout, f"{run}: table {table}")
        for key, number in _numbers(table, layout, frame):
            if key in found:
                raise InputError(f"{run}: {', '.join(filter(None, key))}: occurs twice; expected one row of each.")
            found[key] = number
    return found


def _check_numbers(frame: pd.DataFrame, layout: Layout, where: str) -> None:
    """Refuse what is no finite number in a column of values, or in those that come with it."""
    values = layout.values or tuple(_valued(frame, layout))
    more = [f"{TASKS[name]}_cases" if name in TASKS else "cases" for name in values]
    for name in (*values, *(f"{name}_{end}" for name in values for end in ("low", "high")), *more):
        column = frame[name].dropna() if name in frame else []
        if len(column) and not _finite(column):
            raise InputError(f"{where}: column {name!r} holds something else than finite numbers.")


def _finite(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and bool(np.isfinite(column.astype(float)).all())


def _numbers(table: str, layout: Layout, frame: pd.DataFrame) -> Iterator[tuple[Key, Number]]:
    columns = layout.values or tuple(_valued(frame, layout))
    for row in frame.to_dict("records"):
        dataset = str(row.get("dataset", ""))
        system = " ".join(str(row[name]) for name in layout.system if not pd.isna(row[name]))
        for column in columns:
            if pd.isna(row[column]):
                continue
            metric = str(row[layout.metric]) if layout.metric else column
            yield (table, dataset, system, metric), _number(row, column, layout.counts)


def _valued(frame: pd.DataFrame, layout: Layout) -> Iterator[str]:
    """Yield the columns of values. What table 4 expects, and the paper's counts, are no results."""
    for name in frame.select_dtypes("number"):
        if layout.counts:
            if not name.endswith(("_expected", "_paper")):
                yield name
        elif f"{name}_low" in frame or name in UNREAD:
            yield name


def _number(row: Mapping, column: str, count: bool) -> Number:
    value = float(row[column])
    if count:
        return Number(value, count=True)
    cases = row.get(f"{TASKS[column]}_cases" if column in TASKS else "cases")
    cases = None if cases is None or pd.isna(cases) else float(cases)
    if column in UNREAD:  # a share, without an interval of its own
        return Number(value, value * (1 - value) / cases if cases else 0.0, cases)
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    width = 0.0 if pd.isna(low) or pd.isna(high) else float(high) - float(low)
    return Number(value, variance_of(width), cases)


@dataclass(frozen=True)
class Spread:
    """How much a metric varies between trainings that differ in the seed alone: variance, and degrees of freedom."""

    variance: float
    freedom: int


def spreads_of(runs: list[str | Path]) -> dict[tuple[str, str], Spread]:
    """Return, by dataset and metric of table 2, the spread between seeds, pooled over the modes and the runs.

    Args:
        runs: folders; those without a ``seeds.csv``, or with one seed, tell nothing.

    Raises:
        InputError: a table is broken.
    """
    sums: dict[tuple[str, str], tuple[float, int]] = {}
    for run in runs:
        path = Path(run) / "tables/seeds.csv"
        columns = ["dataset", "metric", "sd", "seeds"]
        frame = read_csv(path) if path.is_file() else pd.DataFrame(columns=columns)
        for name in columns:
            if name not in frame or (name in ("sd", "seeds") and len(frame) and not _finite(frame[name].dropna())):
                raise InputError(f"{path}: column {name!r} is missing or no number. Run its rule again.")
        for row in frame.dropna(subset=["sd"]).to_dict("records"):
            squares, freedom = sums.get((row["dataset"], row["metric"]), (0.0, 0))
            more = int(row["seeds"]) - 1
            sums[row["dataset"], row["metric"]] = squares + more * float(row["sd"]) ** 2, freedom + more
    return {key: Spread(squares / freedom, freedom) for key, (squares, freedom) in sums.items() if freedom}
