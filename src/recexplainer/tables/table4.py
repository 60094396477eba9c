"""Table 4: how many samples each task has, beside the expected numbers and the paper's.

Each sample counts once, in the mode's own form: the paper's totals are those of the combined form alone, whatever the
switch ``hybrid_forms`` adds to the training.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from recexplainer.config.tasks import Counted, Split
from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.tasks.schema import TASKS, load_tasks

logger = logging.getLogger(__name__)


def table4(
    *,
    datasets: list[str],
    files: dict[str, list[str]],
    sharegpt: dict[str, str],
    sizes: Mapping[str, Mapping[str, int]],
    paper: Mapping[str, Mapping[str, int]],
    settings: Counted,
    output: str,
    explanation: Sequence[str] = (),
) -> None:
    """Count the samples of each task, dataset and split, as in the paper's table 4.

    Args:
        datasets: the names, in the order of the columns; ``name.recommender`` is of the dataset ``name``.
        files: ``train`` and ``test``, each one file per dataset.
        sharegpt: ``train`` and ``test``, the conversations that go with every dataset.
        sizes: ``users``, ``items`` and ``interactions`` of each dataset, from which :func:`expected` makes its numbers.
        paper: of the paper's datasets the ``items``, and the samples of each ``{task}_{split}``.
        settings: what was asked for, and which datasets are made up and so have nothing to do with the paper's.
        output: the CSV to write: ``task``, then ``{dataset}_train`` and ``{dataset}_test``, then both for each dataset
            with ``_expected`` and with ``_paper`` behind them; last row ``total``.
        explanation: the samples of the seventh task, which some alignments have beside the others, one file per
            dataset; its row stands behind the total, which is that of the paper's tasks. None: no alignment has it.

    Raises:
        InputError: there is not one file per dataset and split, or the size of a dataset is missing.
    """
    counted: dict[str, list[Any]] = {"task": [*TASKS, "total", *(["explanation"] if explanation else [])]}
    beside: dict[str, list[Any]] = {}
    for place, name in enumerate(datasets):
        dataset = name.partition(".")[0]
        if dataset not in sizes:
            raise InputError(f"--sizes: no row of {dataset}; expected table 1 of this run. Make it again.")
        known = {} if dataset in settings.generated else paper.get(dataset, {})
        wanted = expected(
            **sizes[dataset],
            fields=fields_per_item(known) if known else None,
            test_share=settings.classification_test_share,
            sharegpt=settings.sharegpt,
        )
        for split, paths in files.items():
            if len(paths) != len(datasets):
                raise InputError(f"--{split}: {len(paths)} files for {len(datasets)} datasets; expected one each.")
            counts = count_samples(paths[place]) + count_samples(sharegpt[split])
            counted[f"{name}_{split}"] = [*(counts[task] for task in TASKS), counts.total()]
            beside[f"{name}_{split}_expected"] = _column(wanted[split])
            # The paper prints no number where a task has no test.
            printed = {task: known.get(f"{task}_{split}", 0 if known else None) for task in TASKS}
            beside[f"{name}_{split}_paper"] = _column(printed)
            others = [beside[f"{name}_{split}_{kind}"][len(TASKS)] for kind in ("expected", "paper")]
            if explanation:
                seventh = count_samples(explanation[place])["explanation"] if split == "train" else 0
                counted[f"{name}_{split}"].append(seventh)
                beside[f"{name}_{split}_expected"].append(settings.explanation if split == "train" else 0)
                beside[f"{name}_{split}_paper"].append(None)
            logger.info("%s, %s: %d samples; expected %s, in the paper %s", name, split, counts.total(), *others)
    frame = pd.DataFrame(counted | beside)
    # Whole numbers with gaps would become floating-point ones.
    write_csv(output, frame.astype({name: "Int64" for name in frame if name != "task"}))
    logger.info("table 4 in %s", output)


def count_samples(path: str) -> Counter[str]:
    """Count the samples of each task in a file; a sample that is there in several forms counts once."""
    rows = load_tasks(path, ["sample", "task"])
    names = {row["sample"] for row in rows}
    # Further forms of `retrieval-000007` are `retrieval-000007-behavior` and `retrieval-000007-intention`.
    return Counter(row["task"] for row in rows if (row["sample"] or "").rpartition("-")[0] not in names)


def expected(
    users: int, items: int, interactions: int, fields: float | None, test_share: float, sharegpt: Split
) -> dict[str, dict[str, int | None]]:
    """Return the samples of each split and task that follow from a dataset's size (sections 2.2 and 2.3).

    Args:
        users, items, interactions: of the dataset.
        fields: samples of the discrimination task per item, which depends on the metadata; None if unknown.
        test_share: share of the users in the classification's test.
        sharegpt: conversations per split.
    """
    prefixes = interactions - 2 * users
    return {
        "train": {
            "retrieval": prefixes,
            "ranking": prefixes,
            "classification": 2 * users,
            "discrimination": None if fields is None else round(fields * items),
            "sharegpt": sharegpt.train,
            "reconstruction": interactions - users,
        },
        "test": {
            "retrieval": users,
            "ranking": users,
            "classification": 2 * round(test_share * users),
            "discrimination": 0,
            "sharegpt": sharegpt.test,
            "reconstruction": users,
        },
    }


def fields_per_item(counts: Mapping[str, int]) -> float:
    """Return how many fields of an item the paper asks for on average: 4.92, 3.73 and 3.91 in its three datasets.

    Args:
        counts: the ``items``, and the samples ``discrimination_train``.
    """
    return counts["discrimination_train"] / counts["items"]


def _column(counts: Mapping[str, int | None]) -> list[int | None]:
    """Return the numbers in the order of the rows, and their total, unknown if one of them is."""
    values = [counts[task] for task in TASKS]
    known = [value for value in values if value is not None]
    return [*values, sum(known) if len(known) == len(values) else None]
