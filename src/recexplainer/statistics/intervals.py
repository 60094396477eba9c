"""A mean over cases with a confidence interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over cases with its 95 % confidence interval."""

    mean: float
    low: float
    high: float
    cases: int


def estimate(values: Sequence[float], users: Sequence[int], resamples: int, rng: np.random.Generator) -> Estimate:
    """Return the mean over the cases and a percentile bootstrap interval over users.

    Users are resampled, not cases, because the cases of one user are not independent.

    Args:
        values: (cases,) one number per case, at least one case.
        users: (cases,) the user of each case.
        resamples: how many resamples, at least one.
        rng: of the resamples.
    """
    numbers = np.asarray(values, dtype=np.float64)
    _, owners = np.unique(np.asarray(users), return_inverse=True)
    sums, counts = np.bincount(owners, weights=numbers), np.bincount(owners)
    means = np.empty(resamples)
    # A bounded block of (resamples, users) draws at a time.
    block = max(1, 4_000_000 // len(counts))
    for start in range(0, resamples, block):
        drawn = rng.integers(len(counts), size=(min(block, resamples - start), len(counts)))
        means[start : start + block] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(numbers.mean()), float(low), float(high), len(numbers))
