"""The order that each LLM knows beside the one that it lists: ``pointwise.csv``."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recexplainer.config.evaluation import Resampled
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import hit_ratio, ranking_ndcg
from recexplainer.evaluation.predictions import POINTWISE, SCHEMAS
from recexplainer.files import read_parquet, write_csv
from recexplainer.seeds import make_rng
from recexplainer.statistics.intervals import estimate

logger = logging.getLogger(__name__)

MEASURES = ("pointwise_ndcg5", "listed_ndcg5", "gain_ndcg5", "pointwise_first", "listed_first")


def table_pointwise(
    *,
    pointwise: list[str],
    rankings: list[str],
    rows: Sequence[Sequence[str]],
    settings: Resampled,
    seed: int,
    output: str,
) -> None:
    """Write how well each LLM ranks candidate by candidate, how well by its lists, and the difference case by case.

    Args:
        pointwise: ``pointwise.parquet`` of each row's dataset.
        rankings: ``ranking.parquet`` of each row's system.
        rows: of each row the dataset, the system, and what it is called.
        settings: how often the users are resampled.
        seed: of the resamples, which are the same for every row.
        output: the CSV to write: ``dataset``, ``method``, each of :data:`MEASURES` with the ends of its 95 % interval,
            and the cases, which are the same for all systems of a dataset.

    Raises:
        InputError: there is not one file per row, a file is missing or broken, or a dataset's systems have no case in
            common.
    """
    if not len(pointwise) == len(rankings) == len(rows):
        raise InputError(
            f"--rows: {len(rows)}, but {len(pointwise)} files of --pointwise and {len(rankings)} of --rankings; "
            "expected one each."
        )
    asked = {path: read_parquet(path, POINTWISE) for path in dict.fromkeys(pointwise)}
    frames = [
        _joined(asked[path], listed, system)
        for path, listed, (_, system, _) in zip(pointwise, rankings, rows, strict=True)
    ]
    common: dict[str, set[str]] = {}
    for frame, (dataset, _, _) in zip(frames, rows, strict=True):
        samples = set(frame["sample"])
        common[dataset] = common.get(dataset, samples) & samples
    table: list[dict[str, Any]] = []
    for path, frame, (dataset, _, method) in zip(pointwise, frames, rows, strict=True):
        own = frame[frame["sample"].isin(common[dataset])]
        if own.empty:
            raise InputError(f"{path}: no case of {dataset} that all its systems have answered; predict again.")
        row: dict[str, Any] = {"dataset": dataset, "method": method}
        for measure in MEASURES:
            value = estimate(own[measure], own["user"], settings.bootstrap, make_rng(seed, "bootstrap"))
            row |= {measure: value.mean, f"{measure}_low": value.low, f"{measure}_high": value.high}
        table.append(row | {"cases": len(own)})
    write_csv(output, pd.DataFrame(table).round(4))
    logger.info("%d rows in %s", len(table), output)


def _joined(asked: pd.DataFrame, listed: str, system: str) -> pd.DataFrame:
    """Return ``sample``, ``user`` and the measures of a system's cases, in the order of their names."""
    answers = read_parquet(listed, SCHEMAS["ranking"])[["sample", "predicted"]]
    both = asked[asked["system"] == system].merge(answers, on="sample", suffixes=("", "_listed")).sort_values("sample")
    measured = [
        (
            ranking_ndcg(row.target, row.predicted),
            ranking_ndcg(row.target, row.predicted_listed),
            hit_ratio(row.target[0], row.predicted[:1]),
            hit_ratio(row.target[0], row.predicted_listed[:1]),
        )
        for row in both.itertuples()
    ]
    pointwise, own, first, own_first = np.array(measured, dtype=np.float64).reshape(-1, 4).T
    values = dict(zip(MEASURES, (pointwise, own, pointwise - own, first, own_first), strict=True))
    return both[["sample", "user"]].assign(**values)
