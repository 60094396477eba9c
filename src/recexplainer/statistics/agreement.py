"""How far raters agree with one another, and judges with raters."""

import numpy as np


def krippendorff_alpha(ratings: np.ndarray, ordinal: bool = True) -> float:
    """Return Krippendorff's alpha: 1 is full agreement, 0 what chance gives.

    Args:
        ratings: (raters, texts) numbers, NaN where a rater gave none. A text with fewer than two ratings tells
            nothing about agreement and is left out.
        ordinal: whether it counts how far apart two ratings lie, in ranks; otherwise only whether they differ.

    Returns:
        NaN when all ratings are the same, or no text has two.
    """
    values = np.unique(ratings[~np.isnan(ratings)])
    # counts[u, v]: how many raters gave text u the value v.
    counts = (ratings.T[:, :, None] == values).sum(axis=1)
    counts = counts[counts.sum(axis=1) >= 2]
    raters = counts.sum(axis=1)
    # Every ordered pair of ratings of one text, weighted so that a text counts as often as it is rated.
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    coincidences = (pairs / (raters - 1)[:, None, None]).sum(axis=0)
    totals = coincidences.sum(axis=1)
    if ordinal:
        # The ratings between two values, each of the two counted half.
        middles = np.cumsum(totals) - totals / 2
        distances = np.square(middles[:, None] - middles)
    else:
        distances = 1 - np.eye(len(values))
    expected = (np.outer(totals, totals) * distances).sum()
    if expected == 0:
        return float("nan")
    return float(1 - (totals.sum() - 1) * (coincidences * distances).sum() / expected)


def weighted_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Return Cohen's kappa of two raters, disagreements weighted by the square of their distance.

    Args:
        first, second: (texts,) ratings from 1 to 4 of the same texts.

    Returns:
        NaN when both gave one and the same rating throughout, or there are no texts.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(first) == 0:
        return float("nan")
    observed = np.square(first - second).mean()
    expected = np.square(first[:, None] - second).mean()
    return float(1 - observed / expected) if expected else float("nan")


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation of two lists of ratings, equal values sharing their mean rank.

    Args:
        first, second: (texts,) numbers for the same texts.

    Returns:
        NaN when one of them is the same throughout, or there are fewer than two texts.
    """
    from scipy.stats import rankdata

    if len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
