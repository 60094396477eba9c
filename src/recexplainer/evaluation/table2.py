"""Table 2: how well each system is aligned with the recommender."""

import logging
from pathlib import Path

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import (
    Estimate,
    correct,
    estimate,
    history_coverage,
    hit_ratio,
    ranking_ndcg,
    retrieval_ndcg,
)
from recexplainer.evaluation.predictions import SCHEMAS
from recexplainer.files import read_parquet, write_csv
from recexplainer.seeds import generator

logger = logging.getLogger(__name__)

METRICS = {
    "retrieval_hr5": "retrieval",
    "retrieval_ndcg5": "retrieval",
    "ranking_ndcg5": "ranking",
    "classification_acc": "classification",
    "history_hcr": "reconstruction",
}
"""The columns of the paper's table 2, and the task of each."""

CONSTRAINED = {"retrieval_constrained_hr5": "retrieval", "retrieval_constrained_ndcg5": "retrieval"}
"""The retrieval whose beams are held to titles of the catalogue; the paper has none."""


def table2(directories: list[str], rows: list[list[str]], settings: dict, seed: int, output: str) -> None:
    """Evaluate the systems and write the table.

    Args:
        directories: one folder of predictions per row.
        rows: the dataset and the method of each row, in the same order.
        settings: ``bootstrap``, the number of resamples, and ``coverage_counts``, ``once`` or ``repeat``.
        seed: of the resamples, which are the same for every system, so that systems can be compared.
        output: the CSV to write. After the paper's columns come the ends of the 95 % intervals (``_low`` and
            ``_high``), the constrained retrieval with its own, and the number of cases per task. A column that
            does not apply to a system is empty.

    Raises:
        InputError: there is not one folder per row, or a file is missing.
    """
    if len(directories) != len(rows):
        raise InputError(f"--predictions: {len(directories)} folders for {len(rows)} --rows; expected one each.")
    table = []
    for directory, (dataset, method) in zip(directories, rows, strict=True):
        metrics = evaluate(directory, settings["bootstrap"], settings["coverage_counts"], seed)
        table.append({"dataset": dataset, "method": method} | _columns(metrics))
        shown = ", ".join(f"{name} {value.mean:.4f}" for name, value in metrics.items() if value)
        logger.info("%s, %s: %s", dataset, method, shown or "no cases")
    frame = pd.DataFrame(table)
    # Whole numbers with gaps would become floating-point ones.
    cases = [name for name in frame if name.endswith("_cases")]
    write_csv(output, frame.round(4).astype({name: "Int64" for name in cases}))
    logger.info("table 2 in %s", output)


def evaluate(directory: str | Path, resamples: int, coverage_counts: str, seed: int) -> dict[str, Estimate | None]:
    """Return every metric of one system, None where it has no cases.

    Args:
        directory: a folder with the four files of predictions.
        resamples: of the bootstrap.
        coverage_counts: ``once`` or ``repeat``, see :func:`recexplainer.evaluation.metrics.history_coverage`.
        seed: of the resamples.
    """
    frames = {task: read_parquet(Path(directory) / f"{task}.parquet", schema.names) for task, schema in SCHEMAS.items()}
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
        name: estimate(values[name], frames[task]["user"], resamples, generator(seed, "bootstrap", task))
        if values[name]
        else None
        for name, task in (METRICS | CONSTRAINED).items()
    }


def _columns(metrics: dict[str, Estimate | None]) -> dict[str, float | int | None]:
    """Lay the metrics of one system out as the columns of its row."""
    row: dict[str, float | int | None] = {}
    for names in (METRICS, CONSTRAINED):
        row |= {name: metrics[name] and metrics[name].mean for name in names}
        for name in names:
            row |= {f"{name}_low": metrics[name] and metrics[name].low}
            row |= {f"{name}_high": metrics[name] and metrics[name].high}
    for name, task in METRICS.items():
        row[f"{task}_cases"] = metrics[name].cases if metrics[name] else None
    return row
