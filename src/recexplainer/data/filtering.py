"""The filter, in the order of the paper's authors: unique pairs, k-core, top items, users left, sample, k-core.

What is not theirs: after the users left, each user's newest interactions may be kept alone (``newest``).

All functions work on columns of codes; codes rank the raw ids in ascending order, so "ties by id" means
ties by code. How many items and users the paper kept is only published for one data set: :func:`search`
tries all combinations of the config's lists and takes the one nearest the paper's Table 1.
"""

import logging
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from recexplainer.config.dataset import Filter
from recexplainer.errors import InputError
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)

PIECE = 1 << 16  # rows


@dataclass
class Pairs:
    """Interactions as three columns of equal length; rows sorted by (user, time, item)."""

    user: np.ndarray  # int32 codes
    item: np.ndarray  # int32 codes
    time: np.ndarray  # int64

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: np.ndarray) -> "Pairs":
        """Return the rows of a mask or an index array."""
        return Pairs(self.user[rows], self.item[rows], self.time[rows])

    def counts(self) -> dict[str, int]:
        """Numbers of users, items and interactions."""
        return {"users": _distinct(self.user), "items": _distinct(self.item), "interactions": len(self)}


@dataclass
class Trial:
    """One combination of the search; ``None`` means no limit, ``distance`` is None without a target."""

    top_items: int | None
    sample_users: int | None
    counts: dict[str, int]
    distance: float | None


def _distinct(codes: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


def _mask(codes: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[codes] = True
    return mask


def renumbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes that occur, in ascending order, and of each row the place of its code among them (int64)."""
    occurs = np.bincount(codes) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def _span(column: np.ndarray) -> tuple[int, int, int]:
    """Return low, step and width: each value is ``low + step * n``, with n from 0 in ``width`` bits."""
    low, high = int(column.min()), int(column.max())
    if high - low >= 1 << 63:
        return low, 1, 64
    step = int(np.gcd.reduce(column - low)) or 1  # of times often a whole day
    return low, step, ((high - low) // step).bit_length()


def _pieces(size: int) -> Iterator[slice]:
    """Yield the slices of an array of ``size`` rows, each small enough for a processor's cache."""
    return (slice(start, start + PIECE) for start in range(0, size, PIECE))


def _sort(rows: np.ndarray) -> None:
    """Sort in place, each half on a core of its own; NumPy leaves the interpreter to the other."""
    middle = len(rows) // 2
    rows.partition(middle)
    with ThreadPoolExecutor(2) as halves:
        list(halves.map(np.ndarray.sort, (rows[:middle], rows[middle:])))


def first_interactions(pairs: Pairs) -> Pairs:
    """Keep one interaction per (user, item), the earliest, and sort by (user, time, item): a total order.

    Where a row fits into 63 bits, as nearly always, it is sorted as one number: several times as fast as columns are.
    """
    if not len(pairs):
        return pairs
    low, step, of_time = _span(pairs.time)
    of_user, of_item = (int(codes.max()).bit_length() for codes in (pairs.user, pairs.item))
    if of_user + of_item + of_time > 63:
        return _first_by_columns(pairs)
    rows = np.empty(len(pairs), np.int64)
    for piece in _pieces(len(rows)):
        user, time = pairs.user[piece].astype(np.int64), (pairs.time[piece] - low) // step
        rows[piece] = (user << of_item | pairs.item[piece]) << of_time | time
    _sort(rows)
    pair = rows >> of_time
    rows = rows[np.append(True, pair[1:] != pair[:-1])]
    times, items = (1 << of_time) - 1, (1 << of_item) - 1
    for piece in _pieces(len(rows)):
        user, item, time = rows[piece] >> of_item + of_time, rows[piece] >> of_time & items, rows[piece] & times
        rows[piece] = (user << of_time | time) << of_item | item
    _sort(rows)
    result = Pairs(*(np.empty(len(rows), kind) for kind in (np.int32, np.int32, np.int64)))
    for piece in _pieces(len(rows)):
        result.user[piece] = rows[piece] >> of_time + of_item
        result.item[piece] = rows[piece] & items
        result.time[piece] = (rows[piece] >> of_item & times) * step + low
    return result


def _first_by_columns(pairs: Pairs) -> Pairs:
    pairs = pairs.take(np.lexsort((pairs.time, pairs.item, pairs.user)))
    new = (pairs.user[1:] != pairs.user[:-1]) | (pairs.item[1:] != pairs.item[:-1])
    pairs = pairs.take(np.append(True, new))
    return pairs.take(np.lexsort((pairs.item, pairs.time, pairs.user)))


def k_core(user: np.ndarray, item: np.ndarray, core: int) -> np.ndarray:
    """Rows of the largest subset in which each user and each item has at least ``core`` interactions.

    Args:
        user, item: codes of each row; pairs are unique.
        core: the k of the k-core.

    Returns:
        Ascending row numbers, int64; empty if there is no such subset.
    """
    rows = np.arange(len(user))
    while len(rows):
        keep = (np.bincount(user)[user] >= core) & (np.bincount(item)[item] >= core)
        if keep.all():
            break
        rows, user, item = rows[keep], user[keep], item[keep]
    return rows


def top_rows(item: np.ndarray, limit: int | None) -> np.ndarray:
    """Ascending numbers of the rows whose item is among the ``limit`` most frequent ones (ties: the smaller code)."""
    frequency = np.bincount(item)
    best = np.argsort(-frequency, kind="stable")[:limit]
    return np.flatnonzero(_mask(best, len(frequency))[item])


def newest_rows(user: np.ndarray, limit: int | None) -> np.ndarray:
    """Ascending numbers of each user's last ``limit`` rows; the rows of a user stand together, the oldest first."""
    if limit is None or not len(user):
        return np.arange(len(user))
    ends = np.append(np.flatnonzero(user[1:] != user[:-1]) + 1, len(user))
    behind = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(user))  # 1 is a user's last row
    return np.flatnonzero(behind <= limit)


def _combinations(pairs: Pairs, settings: Filter, seed: int) -> Iterator[tuple[Any, ...]]:
    """Yield (top_items, sample_users, rows) of every combination; what two combinations share is done once."""
    core, number = settings.core, int(pairs.user.max(initial=-1)) + 1
    for top in settings.top_items:
        kept = top_rows(pairs.item, top)
        users = pairs.user[kept]
        kept = kept[np.bincount(users)[users] >= core]
        kept = kept[newest_rows(pairs.user[kept], settings.newest)]
        # One random order of the users: a larger sample holds the smaller ones.
        shuffled = make_rng(seed, "sample_users").permutation(np.flatnonzero(np.bincount(pairs.user[kept])))
        for size in settings.sample_users:
            chosen = kept if size is None else kept[_mask(shuffled[:size], number)[pairs.user[kept]]]
            yield top, size, chosen[k_core(pairs.user[chosen], pairs.item[chosen], core)]


def search(pairs: Pairs, settings: Filter, seed: int) -> tuple[list[Trial], int, np.ndarray]:
    """Filter with every combination of ``top_items`` and ``sample_users``; find the one nearest the target.

    Args:
        pairs: unique pairs after the first k-core.
        settings: that :func:`check_filter` takes.
        seed: seed of the sample of users.

    Returns:
        The trials in the config's order; the index of the chosen one (smallest mean absolute relative difference
        from the target over users, items, interactions; ties: the first); the rows of ``pairs`` that it keeps.

    Raises:
        InputError: nothing is left, whatever the combination.
    """
    goal = dict(sorted(settings.target)) if settings.target else {}  # in one order, for the sum below
    trials: list[Trial] = []
    best, best_rows, best_distance = None, np.empty(0, dtype=np.int64), math.inf
    for index, (top, size, kept) in enumerate(_combinations(pairs, settings, seed)):
        counts = pairs.take(kept).counts()
        distance = sum(abs(counts[name] - goal[name]) / goal[name] for name in goal) / 3 if goal else None
        trials.append(Trial(top, size, counts, distance))
        logger.info("top_items %s, sample_users %s: %s, distance %s", top, size, counts, distance)
        if len(kept) and (distance or 0.0) < best_distance:
            best, best_rows, best_distance = index, kept, distance or 0.0
    if best is None:
        raise InputError(
            "filter: no interaction is left with any combination of 'top_items' and 'sample_users'; "
            "lower 'core', or raise the limits (null means no limit)."
        )
    return trials, best, best_rows


def check_filter(settings: Filter) -> None:
    """Check what several keys of a filter say together.

    Raises:
        InputError: fewer newest interactions than the core has; or several combinations and no target.
    """
    if settings.newest is not None and settings.newest < settings.core:
        raise InputError(
            f"config key 'filter.newest': expected a whole number of at least core, {settings.core}, found "
            f"{settings.newest}."
        )
    if len(settings.top_items) * len(settings.sample_users) > 1 and settings.target is None:
        raise InputError("config key 'filter.target' is missing: several combinations need the counts to come near to.")
