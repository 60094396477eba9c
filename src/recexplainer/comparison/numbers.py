"""The numbers of a run's tables, each with the spread of the sample that it is a mean of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        ends: the columns of the ends of the values' intervals, where they are not named for the value.
        tested: whether a difference can tell that two runs are not alike; else it is shown.
    """

    system: tuple[str, ...]
    metric: str | None = None
    values: tuple[str, ...] | None = None
    counts: bool = False
    ends: tuple[str, str] | None = None
    tested: bool = True


TABLES = {
    "table1": Layout((), counts=True),
    "table4": Layout(("task",), counts=True),
    "recommender": Layout(("model",)),
    "table2": Layout(("method",)),
    "surrogates": Layout(("method", "against", "information")),
    "pointwise": Layout(("method",)),
    "table3": Layout(("judge", "method"), values=("rating",)),
    "faithfulness": Layout(("method",), metric="metric", values=("value",)),
    "controllability": Layout(("system", "viewpoint")),
    "human": Layout(("method",), values=("mean",), ends=("low", "high"), tested=False),
    "human_agreement": Layout(("measure", "rater_a", "rater_b", "judge"), values=("value",), tested=False),
    "judges": Layout(("judge_a", "judge_b"), values=("weighted_kappa", "spearman", "agreement"), tested=False),
    "spending": Layout(
        ("stage", "service", "model"),
        values=("requests", "prompt_tokens", "completion_tokens", "usd"),
        tested=False,
    ),
}
"""How each table is read. What people said and what was paid is another matter in each run. Beside them there are the
claims, which are compared as such, the repetitions, whose spread is in the errors, and the paper's numbers, which are
beside those of tables 1 to 4."""

NO_RESULTS = re.compile(r"(?:.*_)?(?:low|high|p|cases|n|expected|paper)|p_value|p_adjusted|kept|followed")
"""Columns that say how sure another one is, how many cases it is of, or the same as a share."""


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        value: the mean.
        variance: of the mean, from the width of its 95 % interval; 0 for a count.
        cases: of the mean; None where the table does not say.
        count: whether it has no error of sampling.
        low, high: the ends of its 95 % interval; None where the table has none.
        tested: whether a difference can tell that two runs are not alike. If not, the variance may be None.
    """

    value: float
    variance: float | None = 0.0
    cases: float | None = None
    count: bool = False
    low: float | None = None
    high: float | None = None
    tested: bool = True


def tables_of(run: str | Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a folder of results, or of a published one, as far as they are there.

    Raises:
        InputError: the folder has none of :data:`TABLES`, or one is broken.
    """
    folder = Path(run) / "tables"
    tables = {name: read_csv(folder / f"{name}.csv") for name in TABLES if (folder / f"{name}.csv").is_file()}
    if not tables:
        raise InputError(f"{run}: no tables in {folder}; expected the results of a run, or a published one.")
    return tables


def numbers_of(tables: Mapping[str, pd.DataFrame], run: str | Path) -> dict[Key, Number]:
    """Return every number of some tables, in their order.

    Args:
        tables: of :func:`tables_of`.
        run: where they are from, for the messages.

    Raises:
        InputError: a table lacks a column, or has a number twice.
    """
    numbers: dict[Key, Number] = {}
    for table, frame in tables.items():
        layout = TABLES[table]
        needed = [*layout.system, *([layout.metric] if layout.metric else []), *(layout.values or ())]
        missing = [name for name in needed if name not in frame]
        if missing:
            raise InputError(f"{run}: table {table}: column {missing[0]!r} is missing; found {', '.join(frame)}.")
        _check_numbers(frame, layout, f"{run}: table {table}")
        for key, number in _numbers(table, layout, frame):
            if key in numbers:
                raise InputError(f"{run}: {', '.join(filter(None, key))}: occurs twice; expected one row of each.")
            numbers[key] = number
    return numbers


def _check_numbers(frame: pd.DataFrame, layout: Layout, where: str) -> None:
    """Refuse what is no finite number in a column of values, or in those that come with it."""
    values, further = _columns(frame, layout)
    names = [*values, *further]
    ends = [end for name in names for end in layout.ends or (f"{name}_low", f"{name}_high")]
    for name in (*names, *ends, *(f"{TASKS[name]}_cases" if name in TASKS else "cases" for name in values)):
        column = frame[name].dropna() if name in frame else []
        if len(column) and not _finite(column):
            raise InputError(f"{where}: column {name!r} holds something else than finite numbers.")


def _finite(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and bool(np.isfinite(column.astype(float)).all())


def _numbers(table: str, layout: Layout, frame: pd.DataFrame) -> Iterator[tuple[Key, Number]]:
    """Yield the numbers of a table, row by row: those that are tested, then those beside them."""
    columns, further = _columns(frame, layout)
    for row in frame.to_dict("records"):
        dataset = str(row.get("dataset", ""))
        system = " ".join(str(row[name]) for name in layout.system if not pd.isna(row[name]))
        metric = str(row[layout.metric]) if layout.metric else ""
        for column in columns:
            if not pd.isna(row[column]):
                yield (table, dataset, system, metric or column), _number(row, column, layout, layout.tested)
        for column in further:
            if column not in columns and not pd.isna(row[column]):
                yield (table, dataset, system, f"{metric} {column}".strip()), _number(row, column, layout, False)


def _columns(frame: pd.DataFrame, layout: Layout) -> tuple[tuple[str, ...], list[str]]:
    """Return the columns of values, and all that hold results, which are shown beside them."""
    further = [] if layout.counts else [name for name in frame.select_dtypes("number") if _is_result(name, layout)]
    return layout.values or tuple(_valued(frame, layout)), further


def _is_result(column: str, layout: Layout) -> bool:
    named = ("dataset", layout.metric, *layout.system)
    return column not in named and not NO_RESULTS.fullmatch(column)


def _valued(frame: pd.DataFrame, layout: Layout) -> Iterator[str]:
    """Yield the columns of values. What table 4 expects, and the paper's counts, are no results."""
    for name in frame.select_dtypes("number"):
        if layout.counts:
            if not name.endswith(("_expected", "_paper")):
                yield name
        elif f"{name}_low" in frame or name in UNREAD:
            yield name


def _number(row: Mapping[str, Any], column: str, layout: Layout, tested: bool) -> Number:
    value = float(row[column])
    if layout.counts:
        return Number(value, count=True)
    cases = row.get(f"{TASKS[column]}_cases" if column in TASKS else "cases")
    cases = None if cases is None or pd.isna(cases) else float(cases)
    if column in UNREAD:  # a share, without an interval of its own
        return Number(value, value * (1 - value) / cases if cases else 0.0, cases)
    low, high = (row.get(name) for name in layout.ends or (f"{column}_low", f"{column}_high"))
    low, high = (None if end is None or pd.isna(end) else float(end) for end in (low, high))
    variance = 0.0 if tested else None
    if low is not None and high is not None:
        variance = variance_of(high - low)
    return Number(value, variance, cases if tested else None, low=low, high=high, tested=tested)


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
