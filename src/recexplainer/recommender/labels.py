"""What the recommender would answer: the labels for the LLM (section 2.2, tasks 1 to 3; section 3.2.1).

Works on embeddings alone, so it serves any recommender whose score is a dot product.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from recexplainer import seeds
from recexplainer.config.labels import LabelRules
from recexplainer.errors import InputError
from recexplainer.recommender.contract import LABELS, SIMILAR
from recexplainer.recommender.histories import Histories

CELLS = 1 << 17  # scores that are labelled at a time: as many as stay in a core's cache
BUCKETS = 1024  # of a row's scores, to find the one of a given rank
SAMPLED = 16  # every 16th score tells how far a row's scores spread


def label_prefixes(
    users: np.ndarray, items: np.ndarray, histories: Histories, settings: LabelRules, seed: int, batch_size: int
) -> pa.Table:
    """Return one row of labels per prefix, with the columns of :data:`contract.LABELS`.

    The thresholds are taken over the *unseen* items of the prefix: exactly ``floor(positive_share * unseen)`` items
    score strictly above ``threshold_high`` and ``floor(negative_share * unseen)`` strictly below ``threshold_low``
    (fewer if scores tie). The authors' code takes its shares of the whole catalogue, with the history's items last; the
    two differ by a handful of items.

    Args:
        users: (prefixes, dim) float32, one row per row of ``histories``.
        items: (items, dim) float32.
        histories: all prefixes.
        settings: shares and counts.
        seed: of the draws.
        batch_size: prefixes at a time; the draws do not depend on it.

    Raises:
        InputError: the catalogue is too small, or the scores tie so that nothing lies beyond a threshold.
    """
    _check_catalogue(histories, settings)
    # Every prefix takes the same amount of randomness from each stream, in row order, so batches do not matter.
    streams = {name: seeds.make_rng(seed, "labels", name) for name in ("ranking", "positive", "negative")}
    split = histories.split()
    batches = []
    for start in range(0, len(histories), batch_size):
        rows = np.arange(start, min(start + batch_size, len(histories)))
        scores = users[start : start + batch_size] @ items.T
        step = max(1, CELLS // len(items))
        for first in range(0, len(rows), step):
            part = slice(first, first + step)
            batches.append(_label_rows(scores[part], rows[part], histories, settings, streams))
    columns = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    columns |= {
        "prefix": np.arange(len(histories)),
        "user": histories.users,
        "length": histories.length,
        "split": split,
    }
    columns["ranking"] = _lists(columns["ranking"])
    return pa.table({name: pa.array(columns[name], kind) for name, kind in LABELS.items()}, schema=pa.schema(LABELS))


def _label_rows(
    scores: np.ndarray, rows: np.ndarray, histories: Histories, settings: LabelRules, streams: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Label the prefixes ``rows`` from their scores (rows, items), in which the seen items are masked in place."""
    index, seen = np.arange(len(rows)), histories.seen(rows)
    scores[seen] = -np.inf
    unseen = scores.shape[1] - histories.length[rows].astype(np.int64)
    high, low = thresholds(scores, unseen, settings.positive_share, settings.negative_share)
    positive = _pick(scores > high[:, None], streams["positive"].random(len(rows)), rows, "positive")
    below = scores < low[:, None]
    below[seen] = False
    negative = _pick(below, streams["negative"].random(len(rows)), rows, "negative")
    # The items with the smallest random keys are a uniform draw without repetition.
    keys = streams["ranking"].random(scores.shape)
    keys[seen] = np.inf
    drawn = np.sort(_smallest(keys, settings.candidates), axis=1)
    by_score = np.argsort(-np.take_along_axis(scores, drawn, axis=1), axis=1, kind="stable")
    return {
        "top1": scores.argmax(axis=1),
        "ranking": np.take_along_axis(drawn, by_score, axis=1).astype(np.int32),
        "positive": positive,
        "negative": negative,
        "threshold_high": high,
        "threshold_low": low,
        "positive_score": scores[index, positive],
        "negative_score": scores[index, negative],
    }


def thresholds(
    scores: np.ndarray, unseen: np.ndarray, positive_share: float, negative_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores over which an item is positive and under which it is negative (section 3.1.1).

    Args:
        scores: (histories, items); minus infinity for the items of the history.
        unseen: (histories,) how many the others are.
        positive_share, negative_share: of the unseen items.

    Returns:
        (histories,) each.
    """
    # A score's bucket rises with it. So the buckets' counts tell where a rank is, and only that bucket is sorted. The
    # spread is taken from a sample: what lies below it, such as minus infinity, is in the first bucket.
    best, sample = scores.max(axis=1, keepdims=True), scores[:, ::SAMPLED]
    worst = np.where(np.isneginf(sample), best, sample).min(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        bucket = (scores - worst) * ((BUCKETS - 1) / np.maximum(best - worst, 1e-20))
    bucket = np.fmax(bucket, 0, out=bucket).astype(np.intp)
    bucket += BUCKETS * np.arange(len(scores))[:, None]
    upto = np.cumsum(np.bincount(bucket.ravel(), minlength=BUCKETS * len(scores)))  # scores in it and all before
    first = scores.shape[1] * np.arange(len(scores))

    def at(rank: np.ndarray) -> np.ndarray:
        """Return of each row the score at its rank (histories,), 0 for the worst."""
        chosen = np.searchsorted(upto, first + rank, side="right")
        where = np.flatnonzero(bucket == chosen[:, None])
        row, values = where // scores.shape[1], scores.ravel()[where]
        before = np.where(chosen > 0, upto[chosen - 1], 0)
        return values[np.lexsort((values, row))][np.searchsorted(row, np.arange(len(scores))) + first + rank - before]

    count = scores.shape[1]
    return at(count - 1 - _share(positive_share, unseen)), at(count - unseen + _share(negative_share, unseen))


def _share(share: float, count: np.ndarray) -> np.ndarray:
    """Return floor(share * count), safe from the rounding of for example 0.2 * 15."""
    return np.floor(share * count + 1e-9).astype(np.int64)


def _pick(eligible: np.ndarray, uniform: np.ndarray, rows: np.ndarray, name: str) -> np.ndarray:
    """Return for each row the eligible column (batch, items) at the uniform draw (batch,) in [0, 1)."""
    # Eight columns a byte; of the byte that holds the wanted one, the bits.
    packed = np.packbits(eligible, axis=1)
    upto = np.cumsum(np.bitwise_count(packed), axis=1, dtype=np.int32)
    count = upto[:, -1]
    if (count == 0).any():
        raise InputError(
            f"prefix {rows[count.argmin()]}: no unseen item scores beyond the {name} threshold, because scores tie. "
            "Check that the recommender is trained and that item embeddings differ."
        )
    nth = np.floor(uniform * count).astype(np.int64)
    index, byte = np.arange(len(upto)), (upto <= nth[:, None]).sum(axis=1)
    bits = np.cumsum(np.unpackbits(packed[index, byte][:, None], axis=1), axis=1)
    before = np.where(byte > 0, upto[index, byte - 1], 0)
    return 8 * byte + (bits <= (nth - before)[:, None]).sum(axis=1)


def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the columns (batch, count) of each row's smallest values, smallest first; of equal ones the lower."""
    rows, columns = _among_smallest(values, count)
    return _first_of_rows(rows, columns, values[rows, columns], len(values), count)


def _among_smallest(values: np.ndarray, count: int, slack: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the places, row by row, of each row's ``count`` smallest values and of all within ``slack`` of them."""
    # A row is cut into parts. The count-th smallest of their minima is no less than the count-th smallest value.
    width = max(1, values.shape[1] // (16 * count))
    parts = values[:, : values.shape[1] // width * width].reshape(len(values), -1, width)
    limit = np.partition(parts.min(axis=2), count - 1, axis=1)[:, count - 1] + slack
    return np.divmod(np.flatnonzero(values <= limit[:, None]), values.shape[1])


def _first_of_rows(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, height: int, count: int) -> np.ndarray:
    """Return of each of ``height`` rows the columns of its ``count`` smallest values; ``rows`` are in order."""
    columns = columns[np.lexsort((columns, values, rows))]
    return columns[np.searchsorted(rows, np.arange(height))[:, None] + np.arange(count)]


def _check_catalogue(histories: Histories, settings: LabelRules) -> None:
    """Refuse a catalogue in which the longest history leaves too few items."""
    unseen = histories.item_count - int(histories.total.max())
    smallest = int(_share(min(settings.positive_share, settings.negative_share), np.array([unseen]))[0])
    if unseen < settings.candidates or smallest < 1:
        raise InputError(
            f"A history of {histories.total.max()} items leaves {unseen} unseen items of {histories.item_count}; "
            f"expected at least labels.candidates = {settings.candidates}, and one within each share "
            f"({settings.positive_share}, {settings.negative_share}). "
            "Use a larger catalogue or lower the labels' values."
        )


def similar_items(items: np.ndarray, count: int, batch_size: int) -> pa.Table:
    """Return the ``count`` other items nearest to each item by cosine, best first; of equal ones the lower index.

    Args:
        items: (items, dim) float32.
        count: how many.
        batch_size: items at a time.

    Raises:
        InputError: there are not that many other items.
    """
    if len(items) <= count:
        raise InputError(f"labels.similar: {count}, with {len(items)} items; expected fewer than the catalogue has.")
    vectors = items.astype(np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    # All pairs in single precision, twice as fast; what may be among the nearest within its rounding, in double.
    coarse, slack = vectors.astype(np.float32), 4 * items.shape[1] * float(np.finfo(np.float32).eps)
    result = []
    for start in range(0, len(items), batch_size):
        distance = -coarse[start : start + batch_size] @ coarse.T
        distance[np.arange(len(distance)), start + np.arange(len(distance))] = np.inf
        rows, columns = _among_smallest(distance, count, slack)
        # In parts: where all embeddings are alike, all pairs are among the nearest.
        parts = (slice(first, first + CELLS) for first in range(0, len(rows), CELLS))
        exact = [np.einsum("pd,pd->p", vectors[start + rows[part]], vectors[columns[part]]) for part in parts]
        result.append(_first_of_rows(rows, columns, -np.concatenate(exact), len(distance), count))
    columns = {"item": np.arange(len(items)), "similar": _lists(np.concatenate(result).astype(np.int32))}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in SIMILAR.items()}, schema=pa.schema(SIMILAR))


def _lists(values: np.ndarray) -> pa.ListArray:
    """Return a matrix's rows as lists, one after the other in memory."""
    return pa.ListArray.from_arrays(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1], values.ravel())
