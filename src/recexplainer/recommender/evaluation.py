"""Hit ratio and NDCG of a recommender over the whole catalogue, with confidence intervals."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer import seeds
from recexplainer.errors import InputError
from recexplainer.files import read_csv
from recexplainer.recommender.histories import Histories

CUTOFFS = (5, 10, 20)
METRICS = [f"{name}{k}" for name in ("hr", "ndcg") for k in CUTOFFS]
COLUMNS = ["model"] + [metric + end for metric in METRICS for end in ("", "_low", "_high")]


def target_ranks(
    histories: Histories, targets: np.ndarray, scorer: Callable[[np.ndarray], np.ndarray], batch_size: int = 1024
) -> np.ndarray:
    """Return the rank of each target among the items that are not in the history before it.

    Args:
        histories: all prefixes.
        targets: (cases,) rows whose item is to be predicted from the row before.
        scorer: maps (batch,) prefix rows to (batch, items) float scores, a fresh array.
        batch_size: cases at a time, so that users x items is never in memory.

    Returns:
        (cases,) int64; 0 is the best. Of equal scores the lower item index comes first.

    Raises:
        InputError: a score is not a number, as after a training that diverged.
    """
    ranks = []
    for start in range(0, len(targets), batch_size):
        batch = targets[start : start + batch_size]
        scores = scorer(batch - 1)
        if not np.isfinite(scores).all():
            raise InputError("The recommender's scores are not all finite; training diverged. Lower recommender.lr.")
        histories.mask(scores, batch - 1)
        item = histories.items[batch]
        own = scores[np.arange(len(batch)), item][:, None]
        before = (scores == own) & (np.arange(scores.shape[1]) < item[:, None])
        ranks.append(((scores > own) | before).sum(axis=1))
    return np.concatenate(ranks) if ranks else np.zeros(0, dtype=np.int64)


def hit_ratio(ranks: np.ndarray, k: int) -> np.ndarray:
    """Return (cases,) float: 1 where the target is among the first ``k``."""
    return (ranks < k).astype(np.float64)


def ndcg(ranks: np.ndarray, k: int) -> np.ndarray:
    """Return (cases,) float: 1 / log2(rank + 2) where the target is among the first ``k``, else 0."""
    return np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0)


def metrics_table(ranks: dict[str, np.ndarray], seed: int, bootstrap: int) -> pd.DataFrame:
    """Return one row per model with HR and NDCG at 5, 10 and 20, and 95 % intervals.

    Args:
        ranks: the (users,) ranks of the test items by model.
        seed: of the bootstrap; every model is resampled with the same users.
        bootstrap: resamples of users.

    Returns:
        Columns ``model``, then each metric with ``_low`` and ``_high`` (percentiles 2.5 and 97.5), rounded to 6 digits.
    """
    rows = []
    for model, model_ranks in ranks.items():
        values = np.stack(
            [f(model_ranks, k) for f in (hit_ratio, ndcg) for k in CUTOFFS], axis=1
        )  # (users, metrics), in the order of METRICS
        rng = seeds.make_rng(seed, "bootstrap")
        users = len(values)
        means = np.stack([values[rng.integers(users, size=users)].mean(axis=0) for _ in range(bootstrap)])
        low, high = np.percentile(means, [2.5, 97.5], axis=0)
        numbers = np.stack([values.mean(axis=0), low, high], axis=1).round(6).ravel()
        rows.append([model, *numbers])
    return pd.DataFrame(rows, columns=COLUMNS)


def beside_popularity(
    name: str,
    scorer: Callable[[np.ndarray], np.ndarray],
    histories: Histories,
    *,
    validation: str,
    seed: int,
    bootstrap: int,
) -> pd.DataFrame:
    """Return :func:`metrics_table` of a recommender and of Popularity on the test items.

    Popularity is counted on the part that the recommender learns from.

    Args:
        name: of the recommender's row.
        scorer: as of :func:`target_ranks`.
        histories: all prefixes.
        validation: which items were kept from training; see :meth:`Histories.training_targets`.
        seed, bootstrap: as of :func:`metrics_table`.
    """
    popularity = histories.popularity(validation).astype(np.float64)
    scorers = {name: scorer, "popularity": lambda rows: np.tile(popularity, (len(rows), 1))}
    targets = histories.test_targets()
    ranks = {model: target_ranks(histories, targets, score) for model, score in scorers.items()}
    return metrics_table(ranks, seed, bootstrap)


def merge_metrics(paths: Sequence[str | Path], datasets: list[str]) -> pd.DataFrame:
    """Return the datasets' metrics as one table with a first column ``dataset``.

    Raises:
        InputError: there are not as many files as datasets, or a file is missing or has other columns.
    """
    if len(paths) != len(datasets):
        raise InputError(f"--metrics has {len(paths)} files and --datasets {len(datasets)} names; give one for each.")
    frames = []
    for path, dataset in zip(paths, datasets, strict=True):
        frame = read_csv(path)
        if list(frame.columns) != COLUMNS:
            raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}. Train the recommender again.")
        frame.insert(0, "dataset", dataset)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
