"""The metrics of table 2 (section 3.1.1): one number per case.

A title matches if it is the same after stripping spaces and lowering case.
"""

from collections.abc import Sequence

import numpy as np

from recexplainer.data.titles import title_key
from recexplainer.errors import InputError

K = 5
"""The length of the lists: H@5 and N@5."""


def discount(rank: int) -> float:
    """Return the weight of a rank, 1 for the first: ``1 / log2(rank + 1)``."""
    return float(1 / np.log2(rank + 1))


def rank_of(target: str, predictions: Sequence[str]) -> int | None:
    """Return the first rank, 1 for the best, at which the target is predicted, or None."""
    matches = [rank for rank, title in enumerate(predictions, 1) if title_key(title) == title_key(target)]
    return matches[0] if matches else None


def hit_ratio(target: str, predictions: Sequence[str], k: int = K) -> float:
    """Return 1 if the target is among the first ``k`` predictions, else 0."""
    return float(rank_of(target, predictions[:k]) is not None)


def retrieval_ndcg(target: str, predictions: Sequence[str], k: int = K) -> float:
    """Return the discount of the target's rank within the first ``k``, else 0; its ideal is 1."""
    rank = rank_of(target, predictions[:k])
    return discount(rank) if rank else 0.0


def ranking_gains(count: int = K) -> list[float]:
    """Return the gains of the items by their true order: 1000, 100, 10, 1, 0 for five."""
    return [10.0 ** (count - 2 - place) for place in range(count - 1)] + [0.0]


def ranking_ndcg(target: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the NDCG of a predicted order, with linear gains by the true one.

    A title that is no candidate, or comes a second time, takes its rank and earns nothing.

    Args:
        target: the candidates in the true order, best first, 2 or more.
        predicted: the answer, as many titles as candidates counting at most.
    """
    gains = ranking_gains(len(target))
    left = {title_key(title): gain for title, gain in zip(target, gains, strict=True)}
    earned = sum(
        left.pop(title_key(title), 0.0) * discount(rank) for rank, title in enumerate(predicted[: len(target)], 1)
    )
    return earned / sum(gain * discount(rank) for rank, gain in enumerate(gains, 1))


def history_coverage(history: Sequence[str], predicted: Sequence[str], counts: str = "once") -> float:
    """Return the history coverage ratio: the share of the history's titles that the answer holds.

    Args:
        history: the titles of the history, all different.
        predicted: the titles of the answer.
        counts: ``once``, or ``repeat``: a title that the answer repeats counts again, so that the ratio
            can be over 1 (the authors' code).

    Raises:
        InputError: another value of ``counts``.
    """
    if counts not in ("once", "repeat"):
        raise InputError(f"switches.coverage_counts: {counts!r}; expected once or repeat.")
    titles = {title_key(title) for title in history}
    answer = [title_key(title) for title in predicted]
    if counts == "once":
        return len(titles & set(answer)) / len(titles)
    return sum(title in titles for title in answer) / len(titles)


def correct(target: bool, predicted: bool | None) -> float:
    """Return 1 if the decision is the recommender's, else 0; an unreadable one (None) is wrong."""
    return float(predicted is not None and bool(predicted) == bool(target))


def expected_random_ranking_ndcg(count: int = K) -> float:
    """Return the expected ranking NDCG of a random order: 0.6131 for five items."""
    gains, discounts = ranking_gains(count), [discount(rank) for rank in range(1, count + 1)]
    ideal = sum(gain * weight for gain, weight in zip(gains, discounts, strict=True))
    return sum(gains) / count * sum(discounts) / ideal


def expected_random_hit_ratio(items: int, k: int = K) -> float:
    """Return the expected hit ratio of ``k`` different items drawn uniformly out of ``items``."""
    return min(k / items, 1.0)
