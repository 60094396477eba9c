"""How much the metrics of table 2 vary between alignments that differ in nothing but the seed."""

import logging
from collections.abc import Sequence

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.tables.table2 import METRICS, common_cases, evaluate

logger = logging.getLogger(__name__)


def table_seeds(*, predictions: list[str], rows: Sequence[Sequence[str]], coverage_counts: str, output: str) -> None:
    """Write the mean and the sample standard deviation of each metric over the seeds.

    Args:
        predictions: one folder of predictions per alignment.
        rows: the dataset and the method of each; those of one method differ in their seeds.
        coverage_counts: as for :func:`recexplainer.tables.table2.evaluate`.
        output: the CSV to write: dataset, method, metric, mean, sd (empty with one seed), seeds, cases. All
            alignments of a dataset are compared on the same cases.

    Raises:
        InputError: there is not one folder per row, or a file is missing.
    """
    if len(predictions) != len(rows):
        raise InputError(f"--predictions: {len(predictions)} folders for {len(rows)} --rows; expected one each.")
    cases = common_cases(predictions, [dataset for dataset, _ in rows])
    values = [
        {"dataset": dataset, "method": method, "metric": metric} | {"value": value.mean, "cases": value.cases}
        for directory, (dataset, method) in zip(predictions, rows, strict=True)
        for estimates in [
            evaluate(directory, resamples=1, coverage_counts=coverage_counts, seed=0, cases=cases[dataset])
        ]
        for metric in METRICS
        if (value := estimates[metric])
    ]
    groups = pd.DataFrame(values).groupby(["dataset", "method", "metric"], sort=False)
    table = groups.agg(
        mean=("value", "mean"), sd=("value", "std"), seeds=("value", "count"), cases=("cases", "first")
    ).reset_index()
    write_csv(output, table.round(4))
    logger.info("%d rows in %s", len(table), output)
