"""Is one system ahead of another? Tests on the same cases of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.evaluation.metrics import correct, history_coverage, hit_ratio, ranking_ndcg, retrieval_ndcg
from recexplainer.evaluation.table2 import METRICS
from recexplainer.explanation.table3 import signed_rank
from recexplainer.files import read_parquet

ANSWERS = {"retrieval": "predictions"}
"""The column of a task's answer, where it is not ``predicted``."""


RESAMPLES = 10_000
"""Of each comparison. A p-value near 0.05 is off by about 0.003 with so many; with 1,000, verdicts hang on the seed."""


@dataclass(frozen=True)
class Difference:
    """How far one system is ahead of another.

    Attributes:
        mean: of the differences over the cases.
        low, high: the ends of the 95 % interval of the mean; None where the test has none.
        p_value: two-sided, of no difference.
        cases: that both systems have.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float
    cases: int


def case_values(folder: str | Path, metric: str, coverage_counts: str) -> pd.DataFrame:
    """Return ``sample``, ``user`` and ``value``, the metric of each case of one system.

    Args:
        folder: of predictions.
        metric: one of table 2's.
        coverage_counts: see :func:`recexplainer.evaluation.metrics.history_coverage`.

    Raises:
        InputError: the file of the metric's task is missing or broken.
    """
    functions = {
        "retrieval_hr5": hit_ratio,
        "retrieval_ndcg5": retrieval_ndcg,
        "ranking_ndcg5": ranking_ndcg,
        "classification_acc": correct,
        "history_hcr": lambda target, answer: history_coverage(target, answer, coverage_counts),
    }
    task = METRICS[metric]
    answer = ANSWERS.get(task, "predicted")
    frame = read_parquet(Path(folder) / f"{task}.parquet", ["sample", "user", "target", answer])
    values = list(map(functions[metric], frame["target"], frame[answer]))
    return frame[["sample", "user"]].assign(value=np.array(values, dtype=np.float64))


def paired_bootstrap(
    first: pd.DataFrame, second: pd.DataFrame, resamples: int, rng: np.random.Generator
) -> Difference | None:
    """Return how far the first system is ahead, by a paired bootstrap over users; None without a common case.

    Users are resampled, each with all their cases, for the cases of one user are not independent. The p-value is twice
    the share of resamples on the other side of zero, counting the observed sample as one of them, so it is never 0.

    Args:
        first, second: of :func:`case_values`; cases are matched by ``sample``.
        resamples: at least one.
        rng: of the resamples.
    """
    both = first.merge(second, on=["sample", "user"], suffixes=("_first", "_second"))
    if both.empty:
        return None
    differences = (both["value_first"] - both["value_second"]).to_numpy()
    _, owners = np.unique(both["user"], return_inverse=True)
    sums, counts = np.bincount(owners, weights=differences), np.bincount(owners)
    means = np.empty(resamples)
    block = max(1, 4_000_000 // len(counts))
    for start in range(0, resamples, block):
        drawn = rng.integers(len(counts), size=(min(block, resamples - start), len(counts)))
        means[start : start + block] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    tail = min((means <= 0).sum(), (means >= 0).sum())
    p_value = min(1.0, 2 * (1 + tail) / (1 + resamples))
    return Difference(float(differences.mean()), float(low), float(high), float(p_value), len(both))


def paired_ratings(first: Mapping[str, int | None], second: Mapping[str, int | None]) -> Difference | None:
    """Return how far the first system's ratings are ahead, by Wilcoxon's signed-rank test; None without a common case.

    Args:
        first, second: the rating of each case, None for a failed judgement; such cases are left out.
    """
    pairs = [(first[case], second[case]) for case in first if first[case] is not None and second.get(case) is not None]
    if not pairs:
        return None
    mean = float(np.mean([a - b for a, b in pairs]))
    return Difference(mean, None, None, signed_rank(dict(first), dict(second)), len(pairs))


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's method for that many tests, in the order given."""
    adjusted, running = [0.0] * len(values), 0.0
    for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        running = max(running, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = running
    return adjusted
