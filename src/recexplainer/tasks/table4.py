"""Table 4: how many samples each task has."""

import logging
from collections import Counter

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.tasks.schema import TASKS, load_tasks

logger = logging.getLogger(__name__)


def table4(datasets: list[str], files: dict[str, list[str]], sharegpt: dict[str, str], output: str) -> None:
    """Count the samples of each task, dataset and split, as in the paper's table 4.

    Args:
        datasets: the names, in the order of the columns.
        files: ``train`` and ``test``, each one file per dataset.
        sharegpt: ``train`` and ``test``, the conversations that go with every dataset.
        output: the CSV to write: ``task``, then ``{dataset}_train`` and ``{dataset}_test``; last row ``total``.

    Raises:
        InputError: there is not one file per dataset and split.
    """
    columns: dict[str, list] = {"task": [*TASKS, "total"]}
    for place, dataset in enumerate(datasets):
        for split, paths in files.items():
            if len(paths) != len(datasets):
                raise InputError(f"--{split}: {len(paths)} files for {len(datasets)} datasets; expected one each.")
            rows = load_tasks(paths[place], ["task"]) + load_tasks(sharegpt[split], ["task"])
            counts = Counter(row["task"] for row in rows)
            columns[f"{dataset}_{split}"] = [*(counts[task] for task in TASKS), counts.total()]
            logger.info("%s, %s: %d samples", dataset, split, counts.total())
    write_csv(output, pd.DataFrame(columns))
    logger.info("table 4 in %s", output)
