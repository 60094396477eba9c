"""Table 2: how well each system is aligned with the recommender."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from recexplainer.config.evaluation import Measured
from recexplainer.data.titles import title_key
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import correct, history_coverage, hit_ratio, ranking_ndcg, retrieval_ndcg
from recexplainer.evaluation.predictions import SCHEMAS
from recexplainer.files import read_parquet, write_csv
from recexplainer.seeds import make_rng
from recexplainer.statistics.intervals import Estimate, estimate
from recexplainer.statistics.paired import RESAMPLES, holm, paired_bootstrap

logger = logging.getLogger(__name__)

METRICS = {
    "retrieval_hr5": "retrieval",
    "retrieval_ndcg5": "retrieval",
    "ranking_ndcg5": "ranking",
    "classification_acc": "classification",
    "history_hcr": "reconstruction",
}
"""The columns of the paper's table 2, and the task of each."""

UNREAD = {
    "retrieval_unread": "retrieval",
    "ranking_unread": "ranking",
    "ranking_incomplete": "ranking",
    "classification_unread": "classification",
    "reconstruction_unread": "reconstruction",
}
"""Shares of the answers in which nothing could be read (no title of the catalogue in any of the beams, no candidate,
neither yes nor no, no title), and of the rankings that do not name all candidates."""

CONSTRAINED = {"retrieval_constrained_hr5": "retrieval", "retrieval_constrained_ndcg5": "retrieval"}
"""The retrieval whose beams are held to titles of the catalogue; the paper has none."""


def table2(
    *, predictions: list[str], rows: Sequence[Sequence[str]], settings: Measured, seed: int, output: str
) -> None:
    """Evaluate the systems and write the table.

    Args:
        predictions: one folder of predictions per row.
        rows: the dataset and the method of each row, in the same order.
        settings: the number of resamples, and how titles of a history are counted.
        seed: of the resamples, which are the same for every system, so that systems can be compared.
        output: the CSV to write. After the paper's columns come the ends of the 95 % intervals (``_low`` and
            ``_high``), the constrained retrieval with its own, the number of cases per task, the shares
            :data:`UNREAD`, and the p-values (``_p``) of each metric's difference from the best system of the dataset
            (paired bootstrap over users, by Holm's method for that many systems; the best has none). A column that does
            not apply to a system is empty. All systems of a dataset that do a task are compared on the same cases,
            those that all of them have.

    Raises:
        InputError: there is not one folder per row, a file is missing, or systems have no case in common.
    """
    if len(predictions) != len(rows):
        raise InputError(f"--predictions: {len(predictions)} folders for {len(rows)} --rows; expected one each.")
    table: list[dict[str, Any]] = []
    values: dict[str, list[dict[str, pd.DataFrame]]] = {}
    cases = common_cases(predictions, [dataset for dataset, _ in rows])
    for directory, (dataset, method) in zip(predictions, rows, strict=True):
        by_case = _by_case(directory, settings.coverage_counts, cases[dataset])
        metrics = _estimates(by_case, settings.bootstrap, seed)
        shares = unread(directory, cases[dataset])
        table.append({"dataset": dataset, "method": method} | _columns(metrics) | shares)
        values.setdefault(dataset, []).append(by_case)
        shown = ", ".join(f"{name} {value.mean:.4f}" for name, value in metrics.items() if value)
        logger.info("%s, %s: %s", dataset, method, shown or "no cases")
    for dataset, systems in values.items():
        own = [row for row in table if row["dataset"] == dataset]
        for row, p_values in zip(own, beside_best(systems, own, seed), strict=True):
            row |= p_values
    frame = pd.DataFrame(table)
    # Whole numbers with gaps would become floating-point ones.
    counts = [name for name in frame if name.endswith("_cases")]
    write_csv(output, frame.round(4).astype({name: "Int64" for name in counts}))
    logger.info("table 2 in %s", output)


ANSWERS = {"retrieval": "predictions"}
"""The column of a task's answer, where it is not ``predicted``."""

Cases = dict[str, frozenset[str]]
"""Task to the samples that are compared."""


def common_cases(directories: list[str], groups: list[Any]) -> dict[object, Cases]:
    """Return, for each group of systems, the cases of each task that all its systems have.

    A system without any case of a task does not do it, and counts for nothing there.

    Args:
        directories: one folder of predictions per system.
        groups: of each, in the same order.

    Raises:
        InputError: a file is missing, or the systems of a group have no case of a task in common.
    """
    shared: dict[object, Cases] = {group: {} for group in groups}
    most: Counter[Any] = Counter()
    for directory, group in zip(directories, groups, strict=True):
        for task in SCHEMAS:
            own = frozenset(read_parquet(Path(directory) / f"{task}.parquet", ["sample"])["sample"])
            if own:
                shared[group][task] = shared[group].get(task, own) & own
                most[group, task] = max(most[group, task], len(own))
                if not shared[group][task]:
                    raise InputError(
                        f"{directory}: {task}: no case in common with the systems before it; expected predictions of "
                        "the same test cases. Predict again."
                    )
    for (group, task), count in most.items():
        if len(shared[group][task]) < count:
            logger.info("%s, %s: %d of %d cases, those of all systems", group, task, len(shared[group][task]), count)
    return shared


def _frames(directory: str | Path, cases: Cases | None) -> dict[str, pd.DataFrame]:
    """Read the predictions of one system, those of some cases only; None for all."""
    frames = {task: read_parquet(Path(directory) / f"{task}.parquet", schema) for task, schema in SCHEMAS.items()}
    if cases is None:
        return frames
    return {task: frame[frame["sample"].isin(cases.get(task, ()))] for task, frame in frames.items()}


def evaluate(
    directory: str | Path, *, resamples: int, coverage_counts: str, seed: int, cases: Cases | None = None
) -> dict[str, Estimate | None]:
    """Return every metric of one system, None where it has no cases.

    Args:
        directory: a folder with the four files of predictions.
        resamples: of the bootstrap.
        coverage_counts: ``once`` or ``repeat``, see :func:`recexplainer.evaluation.metrics.history_coverage`.
        seed: of the resamples.
        cases: the samples of each task that count; None for all.
    """
    return _estimates(_by_case(directory, coverage_counts, cases), resamples, seed)


def _estimates(by_case: dict[str, pd.DataFrame], resamples: int, seed: int) -> dict[str, Estimate | None]:
    """Return the mean and interval of each metric, as :func:`evaluate` does, of what :func:`_by_case` returned."""
    return {
        name: estimate(frame["value"].tolist(), frame["user"], resamples, make_rng(seed, "bootstrap", task))
        if len(frame)
        else None
        for (name, task), frame in zip((METRICS | CONSTRAINED).items(), by_case.values(), strict=True)
    }


def _by_case(directory: str | Path, coverage_counts: str, cases: Cases | None) -> dict[str, pd.DataFrame]:
    """Return ``sample``, ``user`` and ``value`` of each case of one system, by metric, in the order of the columns."""
    frames = _frames(directory, cases)
    retrieval, ranking = frames["retrieval"], frames["ranking"]
    classification, reconstruction = frames["classification"], frames["reconstruction"]
    values = {
        "retrieval_hr5": list(map(hit_ratio, retrieval["target"], retrieval["predictions"])),
        "retrieval_ndcg5": list(map(retrieval_ndcg, retrieval["target"], retrieval["predictions"])),
        "ranking_ndcg5": list(map(ranking_ndcg, ranking["target"], ranking["predicted"])),
        "classification_acc": list(map(correct, classification["target"], classification["predicted"])),
        "history_hcr": [
            history_coverage(history, answer, coverage_counts)
            for history, answer in zip(reconstruction["target"], reconstruction["predicted"], strict=True)
        ],
        "retrieval_constrained_hr5": list(map(hit_ratio, retrieval["target"], retrieval["constrained"])),
        "retrieval_constrained_ndcg5": list(map(retrieval_ndcg, retrieval["target"], retrieval["constrained"])),
    }
    return {
        name: frames[task][["sample", "user"]].assign(value=np.array(values[name], dtype=np.float64))
        for name, task in (METRICS | CONSTRAINED).items()
    }


def beside_best(
    systems: list[dict[str, pd.DataFrame]], rows: list[dict[str, Any]], seed: int
) -> list[dict[str, float | None]]:
    """Return, for each system of a dataset, the p-value of each metric's difference from the best system's.

    Args:
        systems: per system and metric, ``sample``, ``user`` and ``value`` of its cases.
        rows: of the table, one per system, in the same order.
        seed: of the resamples.
    """
    result: list[dict[str, float | None]] = [{f"{name}_p": None for name in METRICS | CONSTRAINED} for _ in systems]
    for metric, task in (METRICS | CONSTRAINED).items():
        there = [place for place, row in enumerate(rows) if row[metric] is not None]
        if len(there) < 2:
            continue
        # The first of equals, in the order of the systems.
        best = max(there, key=lambda place: rows[place][metric])
        others = [place for place in there if place != best]
        tests = [
            paired_bootstrap(
                systems[best][metric], systems[place][metric], RESAMPLES, make_rng(seed, "beside best", task)
            )
            for place in others
        ]
        for place, p_value in zip(others, holm([test.p_value if test else 1.0 for test in tests]), strict=True):
            result[place][f"{metric}_p"] = p_value
    return result


def case_values(folder: str | Path, metric: str, coverage_counts: str) -> pd.DataFrame:
    """Return ``sample``, ``user`` and ``value``, the metric of each case of one system.

    Args:
        folder: of predictions.
        metric: one of :data:`METRICS`.
        coverage_counts: see :func:`recexplainer.evaluation.metrics.history_coverage`.

    Raises:
        InputError: the file of the metric's task is missing or broken.
    """
    functions: dict[str, Callable[[Any, Any], float]] = {
        "retrieval_hr5": hit_ratio,
        "retrieval_ndcg5": retrieval_ndcg,
        "ranking_ndcg5": ranking_ndcg,
        "classification_acc": correct,
        "history_hcr": lambda target, answer: history_coverage(target, answer, coverage_counts),
    }
    task = METRICS[metric]
    answer = ANSWERS.get(task, "predicted")
    columns = pa.schema([SCHEMAS[task].field(name) for name in ("sample", "user", "target", answer)])
    frame = read_parquet(Path(folder) / f"{task}.parquet", columns)
    values = list(map(functions[metric], frame["target"], frame[answer]))
    return frame[["sample", "user"]].assign(value=np.array(values, dtype=np.float64))


def unread(directory: str | Path, cases: Cases | None = None) -> dict[str, float | None]:
    """Return the shares :data:`UNREAD` of one system, None where it has no cases.

    Args:
        directory: a folder with the four files of predictions.
        cases: the samples of each task that count; None for all.
    """
    frames = _frames(directory, cases)
    named = [
        len({title_key(title) for title in candidates} & {title_key(title) for title in predicted}) / len(candidates)
        for candidates, predicted in zip(frames["ranking"]["candidates"], frames["ranking"]["predicted"], strict=True)
    ]
    wrong = {
        "retrieval_unread": frames["retrieval"]["read"] == 0,
        "ranking_unread": np.array(named) == 0,
        "ranking_incomplete": np.array(named) < 1,
        "classification_unread": frames["classification"]["predicted"].isna(),
        "reconstruction_unread": frames["reconstruction"]["read"] == 0,
    }
    return {name: float(np.mean(wrong[name])) if len(frames[task]) else None for name, task in UNREAD.items()}


def _columns(metrics: dict[str, Estimate | None]) -> dict[str, float | int | None]:
    """Lay the metrics of one system out as the columns of its row."""
    row: dict[str, float | int | None] = {}
    for names in (METRICS, CONSTRAINED):
        row |= {name: own.mean if (own := metrics[name]) else None for name in names}
        for name in names:
            own = metrics[name]
            row |= {f"{name}_low": own.low if own else None, f"{name}_high": own.high if own else None}
    for name, task in METRICS.items():
        row[f"{task}_cases"] = own.cases if (own := metrics[name]) else None
    return row
