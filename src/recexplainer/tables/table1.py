"""Table 1 of the paper: the size of each data set after the filter."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recexplainer.data.counts import COUNTS, read_counts
from recexplainer.data.dataset import sparsity_percent
from recexplainer.errors import InputError


def table1(statistics: Sequence[str | Path], datasets: Sequence[str]) -> pd.DataFrame:
    """Build Table 1.

    Args:
        statistics: ``statistics.json`` of each data set.
        datasets: their names, in the same order.

    Returns:
        Columns dataset, users, items, interactions, sparsity_percent (text with 3 decimals).

    Raises:
        InputError: the numbers of files and names differ, or a file lacks a count.
    """
    if len(statistics) != len(datasets):
        raise InputError(
            f"table 1: {len(statistics)} statistics files for {len(datasets)} data sets; expected one each."
        )
    rows = []
    for path, dataset in zip(statistics, datasets, strict=True):
        counts = read_counts(path, dataset)
        rows.append({"dataset": dataset, **counts, "sparsity_percent": f"{sparsity_percent(**counts):.3f}"})
    return pd.DataFrame(rows, columns=["dataset", *COUNTS, "sparsity_percent"])
