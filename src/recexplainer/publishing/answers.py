"""What the systems answered, and how well, as two tables; nothing of the data set but titles in what was answered.

A history is the data set's own, so that neither prompts nor the targets of reconstruction are kept. Who has the data
joins them by ``sample``, which names the user's test case, or ``case``.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.evaluation.predictions import POINTWISE, SCHEMAS
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import EXPLANATIONS, VIEWPOINTS
from recexplainer.files import read_parquet
from recexplainer.judgement.judgements import load_judgements
from recexplainer.publishing.systems import (
    System,
    cases_of,
    explanations_of,
    pointwise_of,
    predictions_of,
    viewpoints_of,
)
from recexplainer.seeds import make_rng
from recexplainer.statistics.intervals import estimate
from recexplainer.tables.table2 import METRICS, Cases, case_values

TITLES = pa.list_(pa.string())
VALUES = ["dataset", "system", "metric", "sample", "user", "value"]
ANSWERS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "system", "task", "sample")]
    + [("target", TITLES), ("answer", TITLES), ("constrained", TITLES), ("score", pa.float32()), ("text", pa.string())]
)
TEXTS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "system", "case", "item", "text")]
    + [("decision", pa.bool_()), ("label", pa.bool_()), ("finish", pa.string()), ("rubric", pa.int32())]
)
FROM_VIEWPOINTS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "system", "viewpoint", "case", "item", "text")]
    + [("decision", pa.bool_()), ("label", pa.bool_()), ("finish", pa.string())]
)
ORDERS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "system")]
    + [POINTWISE.field(name) for name in ("sample", "target", "candidates", "scores", "predicted")]
)


def values(results: str | Path, there: list[System], coverage_counts: str) -> pd.DataFrame:
    """Return every metric of table 2 of every case of every system, with the columns :data:`VALUES`."""
    parts = [
        case_values(predictions_of(results, system), metric, coverage_counts).assign(
            dataset=system.dataset, system=system.name, metric=metric
        )
        for system in there
        for metric in METRICS
    ]
    return pd.concat(parts, ignore_index=True)[VALUES]


def main_table(
    frame: pd.DataFrame, there: list[System], cases: dict[str, Cases], resamples: int, seed: int
) -> pd.DataFrame:
    """Return the mean of each metric over the trainings of a method, on the cases that all systems have.

    Args:
        frame: of :func:`values`.
        there: the systems that are in it.
        cases: of each dataset, what is compared.
        resamples, seed: of the bootstrap over users; one training gives the interval that table 2 gives.

    Returns:
        ``dataset, method, metric, mean, low, high, sd, seeds, cases``: the mean of the trainings' means, with the 95 %
        interval from a bootstrap of the cases' means over the trainings; the standard deviation between trainings,
        empty where there is one.
    """
    rows = []
    methods = {(system.dataset, system.name): system.method for system in there}
    named = [methods[key] for key in zip(frame["dataset"], frame["system"], strict=True)]
    for (dataset, method, metric), group in frame.assign(method=named).groupby(
        ["dataset", "method", "metric"], sort=False
    ):
        own = group[group["sample"].isin(cases[dataset].get(METRICS[metric], ()))]
        if own.empty:
            continue
        means = own.groupby("sample", sort=False).agg(user=("user", "first"), value=("value", "mean"))
        estimated = estimate(means["value"], means["user"], resamples, make_rng(seed, "bootstrap", METRICS[metric]))
        each = own.groupby("system", sort=False)["value"].mean()
        row = {"dataset": dataset, "method": method, "metric": metric, "mean": estimated.mean, "low": estimated.low}
        row |= {"high": estimated.high, "sd": each.std(), "seeds": len(each), "cases": estimated.cases}
        rows.append(row)
    return pd.DataFrame(rows).round(4)


def answers(results: str | Path, there: list[System]) -> pa.Table:
    """Return what every system answered, with the columns :data:`ANSWERS`; ``text`` is as it was generated."""
    rows = [
        {"dataset": system.dataset, "system": system.name, "task": task} | _answer(task, row)
        for system in there
        for task, schema in SCHEMAS.items()
        for row in read_parquet(predictions_of(results, system) / f"{task}.parquet", schema).to_dict("records")
    ]
    return pa.Table.from_pylist(rows, schema=ANSWERS)


def _answer(task: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return one prediction in the columns that all tasks have."""
    common = {"sample": row["sample"], "text": row.get("text")}
    if task == "retrieval":
        return common | {"target": [row["target"]], "answer": row["predictions"], "constrained": row["constrained"]}
    if task == "classification":
        verdict = [] if row["predicted"] is None else ["Yes" if row["predicted"] else "No"]
        return common | {"target": ["Yes" if row["target"] else "No"], "answer": verdict, "score": row["score"]}
    return common | {"target": row["target"] if task == "ranking" else None, "answer": row["predicted"]}


def pointwise(results: str | Path, there: list[System]) -> pa.Table:
    """Return how every LLM ranks candidate by candidate, the columns being :data:`ORDERS`; no row without it."""
    rows = []
    for dataset in dict.fromkeys(system.dataset for system in there):
        path = pointwise_of(results, dataset)
        if path.is_file():
            rows += [row | {"dataset": dataset} for row in read_parquet(path, POINTWISE).to_dict("records")]
    return pa.Table.from_pylist(rows, schema=ORDERS)


def texts(results: str | Path, there: list[System]) -> pa.Table:
    """Return every explanation with the item that it is about, the columns being :data:`TEXTS`."""
    rows = []
    for system in there:
        rated = _ratings(results, system)
        for row in _told(explanations_of(results, system), cases_of(results, system), EXPLANATIONS):
            rows.append(row | {"dataset": system.dataset, "system": system.name, "rubric": rated.get(row["case"])})
    return pa.Table.from_pylist(rows, schema=TEXTS)


def from_viewpoints(results: str | Path, there: list[System]) -> pa.Table:
    """Return every text that was asked for from a point of view, the columns being :data:`FROM_VIEWPOINTS`."""
    rows = [
        row | {"dataset": system.dataset, "system": system.name}
        for system in there
        for row in _told(viewpoints_of(results, system), cases_of(results, system), VIEWPOINTS)
    ]
    return pa.Table.from_pylist(rows, schema=FROM_VIEWPOINTS)


def _told(path: Path, cases: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the rows of a file of texts, each with its ``item``'s title; none without the file."""
    if not path.is_file():
        return []
    items = {case["case"]: case["title"] for case in load_cases(cases)}
    rows = read_parquet(path, schema).to_dict("records")
    for row in rows:
        if row["case"] not in items:
            raise InputError(f"{path}: case {row['case']!r} is none of the cases. Explain the cases again.")
        row["item"] = items[row["case"]]
    return rows


def _ratings(results: str | Path, system: System) -> dict[str, int | None]:
    """Return the offline rubric's levels of a system's texts by case, as far as they are there."""
    path = Path(results) / "judgements" / system.dataset / "systems/rubric.parquet"
    if not path.is_file():
        return {}
    return {row["case"]: row["rating"] for row in load_judgements(path) if row["system"] == system.name}
