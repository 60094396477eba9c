"""What the language model adds over surrogates that are no LLM and read the same: ``surrogates.csv``."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.seeds import make_rng
from recexplainer.statistics.intervals import Estimate, estimate
from recexplainer.systems import SURROGATES
from recexplainer.tables.table2 import METRICS, Cases, case_values, common_cases

logger = logging.getLogger(__name__)

READS = {"behavior": ("history",), "intention": ("embeddings",), "hybrid": ("history", "embeddings")}
"""What each mode of the LLM reads of the user."""

SHARED = {metric: task for metric, task in METRICS.items() if task != "reconstruction"}
"""The metrics of table 2 that surrogates have as well, and the task of each."""


def table_surrogates(
    *, predictions: list[str], rows: Sequence[Sequence[str]], resamples: int, seed: int, output: str
) -> None:
    """Write each surrogate's and each aligned LLM's metrics, and how far an LLM is ahead of its surrogates.

    Args:
        predictions: one folder of predictions per row.
        rows: the dataset and the system of each: all of table 2, for its cases, and the surrogates.
        resamples: of the bootstrap over users.
        seed: of the resamples, which are the same for every row.
        output: the CSV to write: ``dataset``, ``method``, ``against``, ``information``, each metric with the ends of
            its 95 % interval, and the cases of each task. Where ``against`` names a surrogate, the numbers are the
            differences between the LLM and it on the same cases; a hybrid is held against the surrogates of both
            kinds, each of which reads a part of what it reads.

    Raises:
        InputError: there is not one folder per row, a file is missing, or systems have no case in common.
    """
    if len(predictions) != len(rows):
        raise InputError(f"--predictions: {len(predictions)} folders for {len(rows)} --rows; expected one each.")
    cases = common_cases(predictions, [dataset for dataset, _ in rows])
    table: list[dict[str, Any]] = []
    for dataset in dict.fromkeys(dataset for dataset, _ in rows):
        own = {system: folder for folder, (name, system) in zip(predictions, rows, strict=True) if name == dataset}
        table += _of_dataset(dataset, own, cases[dataset], resamples, seed)
    frame = pd.DataFrame(table).round(4)
    # Whole numbers with gaps would become floating-point ones.
    write_csv(output, frame.astype({name: "Int64" for name in frame if name.endswith("_cases")}))
    logger.info("%d rows in %s", len(frame), output)


def _of_dataset(dataset: str, folders: dict[str, str], cases: Cases, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return the rows of a dataset: surrogates, modes, then each mode less each of its surrogates."""
    modes = {mode: f"{mode}-full" for mode in READS if f"{mode}-full" in folders}
    surrogates = [name for name in SURROGATES if name in folders]
    values = {
        name: _values(folders[system], cases) for name, system in ({name: name for name in surrogates} | modes).items()
    }
    single = [(name, "", SURROGATES.get(name) or " and ".join(READS[name])) for name in values]
    pairs = [(mode, name, SURROGATES[name]) for mode in modes for name in surrogates if SURROGATES[name] in READS[mode]]
    rows = []
    for method, against, information in single + pairs:
        row: dict[str, Any] = {"dataset": dataset, "method": method, "against": against, "information": information}
        estimates = {
            metric: _estimate(
                values[method][metric], values[against][metric] if against else None, resamples, seed, task
            )
            for metric, task in SHARED.items()
        }
        for metric, value in estimates.items():
            row |= {metric: value and value.mean, f"{metric}_low": value and value.low}
            row |= {f"{metric}_high": value and value.high}
        row |= {
            f"{task}_cases": value.cases if (value := estimates[metric]) else None for metric, task in SHARED.items()
        }
        rows.append(row)
    return rows


def _values(folder: str, cases: Cases) -> dict[str, pd.DataFrame]:
    """Return each metric's ``sample``, ``user`` and ``value`` of a system, on the cases that count, in their order."""
    frames = {metric: case_values(folder, metric, "once") for metric in SHARED}
    return {
        metric: frame[frame["sample"].isin(cases.get(SHARED[metric], ()))].sort_values("sample")
        for metric, frame in frames.items()
    }


def _estimate(own: pd.DataFrame, other: pd.DataFrame | None, resamples: int, seed: int, task: str) -> Estimate | None:
    """Return a mean, or that of the differences case by case, with its interval; None without cases."""
    if own.empty or (other is not None and other.empty):
        return None
    values = own["value"].to_numpy()
    if other is not None:
        values = values - other["value"].to_numpy()
    return estimate(values, np.asarray(own["user"]), resamples, make_rng(seed, "bootstrap", task))
