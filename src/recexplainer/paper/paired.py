"""Is one system ahead of another? Tests on the same cases of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.evaluation.metrics import correct
from recexplainer.faithfulness.records import read_records
from recexplainer.paper.claims import DECISION

RESAMPLES = 10_000
"""Of each comparison. A p-value near 0.05 is off by about 0.003 with so many; with 1,000, verdicts hang on the seed."""

NORMAL_95 = 1.959964
"""Half the width of a 95 % interval, in standard errors."""


def variance_of(width: float) -> float:
    """Return the variance of a mean whose 95 % interval is ``width`` wide, as of a normal distribution."""
    return (width / 2 / NORMAL_95) ** 2


@dataclass(frozen=True)
class Difference:
    """How far one system is ahead of another.

    Attributes:
        mean: of the differences over the cases.
        low, high: the ends of the 95 % interval of the mean; None where the test has none.
        p_value: two-sided, of no difference.
        cases: that both systems have.
        users: that these are of; None where they are not known.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float
    cases: int
    users: int | None = None


def rating_values(ratings: Mapping[str, int | None]) -> pd.DataFrame:
    """Return ``sample``, ``user`` and ``value`` of the ratings of one system; failed judgements are left out.

    Whose case it is, a rating does not say: every case stands for itself.
    """
    rated = {case: float(rating) for case, rating in ratings.items() if rating is not None}
    return pd.DataFrame({"sample": list(rated), "user": list(rated), "value": list(rated.values())})


def record_values(path: str | Path, metric: str) -> pd.DataFrame:
    """Return ``sample``, ``user`` and ``value`` of one system's explanations.

    Args:
        path: the faithfulness stage's records of the system.
        metric: ``decision``, or ``strange_share``, where texts that cite nothing are left out.

    Raises:
        InputError: the file is missing or broken.
    """
    frame = read_records(path)
    if metric == DECISION:
        value = np.array(list(map(correct, frame["label"], frame["decision"])), dtype=np.float64)
    else:
        strange = frame["cited_catalogue"] + frame["cited_nowhere"]
        value = strange / (strange + frame["cited_history"]).where(lambda cited: cited > 0)
    return frame[["case", "user"]].rename(columns={"case": "sample"}).assign(value=value).dropna()


def paired_bootstrap(
    first: pd.DataFrame, second: pd.DataFrame, resamples: int, rng: np.random.Generator
) -> Difference | None:
    """Return how far the first system is ahead, by a paired bootstrap over users; None without a common case.

    Users are resampled, each with all their cases, for the cases of one user are not independent. The p-value is twice
    the share of resamples on the other side of zero, counting the observed sample as one of them, so it is never 0.

    Args:
        first, second: of :func:`recexplainer.evaluation.table2.case_values`; cases are matched by ``sample``.
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
    return Difference(float(differences.mean()), float(low), float(high), float(p_value), len(both), len(counts))


def commonest(ratings: Sequence[int], level: int) -> tuple[int, Difference]:
    """Return the commonest other level, and how far a level is ahead of it as a share of the ratings.

    The test is the exact one of the sign. Where the other level is ahead, its p-value counts for each level that
    might have been: it was picked for being the commonest.

    Args:
        ratings: 1 to 4, at least one.
        level: 1 to 4.
    """
    from scipy.stats import binomtest

    counts = {rating: sum(value == rating for value in ratings) for rating in range(1, 5)}
    other = max((rating for rating in counts if rating != level), key=lambda rating: (counts[rating], -rating))
    own, its = counts[level], counts[other]
    p_value = binomtest(own, own + its).pvalue if own + its else 1.0
    if its > own:
        p_value = min(1.0, p_value * (len(counts) - 1))
    return other, Difference((own - its) / len(ratings), None, None, float(p_value), len(ratings))


def share_over(kept: int, cases: int, value: float) -> Difference:
    """Return how far a share is over a value, by the exact binomial test and interval.

    Args:
        kept: 0 to ``cases``.
        cases: at least 1.
        value: over 0 and under 1.
    """
    from scipy.stats import binomtest

    found = binomtest(kept, cases, value)
    low, high = found.proportion_ci()
    return Difference(kept / cases - value, float(low) - value, float(high) - value, float(found.pvalue), cases)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's method for that many tests, in the order given."""
    adjusted, running = [0.0] * len(values), 0.0
    for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        running = max(running, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = running
    return adjusted
