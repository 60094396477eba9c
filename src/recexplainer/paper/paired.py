"""Is one system ahead of another? Tests on the same cases of both."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.evaluation.metrics import correct
from recexplainer.faithfulness.records import read_records
from recexplainer.paper.claims import DECISION
from recexplainer.statistics.paired import Difference

NORMAL_95 = 1.959964
"""Half the width of a 95 % interval, in standard errors."""


def variance_of(width: float) -> float:
    """Return the variance of a mean whose 95 % interval is ``width`` wide, as of a normal distribution."""
    return (width / 2 / NORMAL_95) ** 2


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

    test = binomtest(kept, cases, value)
    low, high = test.proportion_ci()
    return Difference(kept / cases - value, float(low) - value, float(high) - value, float(test.pvalue), cases)
