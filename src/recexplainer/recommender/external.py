"""A recommender from outside: its embeddings, or the scores of one that has none, checked and labelled as ours are."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.files import read_safetensors
from recexplainer.recommender.evaluation import metrics_table, target_ranks
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import LabelSettings, label_prefixes, similar_items

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """What later stages read of it; see :mod:`recexplainer.recommender.contract`."""

    embeddings: dict[str, np.ndarray]
    labels: pa.Table
    similar: pa.Table
    metrics: pd.DataFrame


def load_given(path: str | Path, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """Read the user embeddings (prefixes, dim) and the item embeddings (items, dim) of a recommender from outside.

    A row of ``user`` (or ``scores``) belongs to the prefix that ends with that row of ``interactions.parquet``, a row
    of ``item`` (or a column of ``scores``) to that row of ``items.parquet``. The scores of a single-tower model are
    taken as its user embeddings, with one item embedding per axis, so that their dot product is the score.

    Args:
        path: ``embeddings.safetensors`` with ``user`` and ``item``, or ``scores.safetensors`` with ``scores``, float32.
        histories: all prefixes.

    Raises:
        InputError: the file is missing or broken, or a tensor is missing, has another shape or type, or a value that
            is not finite.
    """
    tensors = read_safetensors(path)
    prefixes, items = len(histories), histories.item_count
    if Path(path).name == "scores.safetensors":
        scores = _checked(path, tensors, "scores", prefixes, "prefix (row of interactions.parquet)")
        if scores.shape[1] != items:
            raise InputError(f"{path}: 'scores' has {scores.shape[1]} columns; expected one per item, {items}.")
        return scores, np.eye(items, dtype=np.float32)
    user = _checked(path, tensors, "user", prefixes, "prefix (row of interactions.parquet)")
    item = _checked(path, tensors, "item", items, "item (row of items.parquet)")
    if user.shape[1] != item.shape[1]:
        raise InputError(f"{path}: 'user' has dimension {user.shape[1]} and 'item' {item.shape[1]}; make them equal.")
    return user, item


def _checked(path: str | Path, tensors: dict[str, np.ndarray], name: str, rows: int, what: str) -> np.ndarray:
    if name not in tensors:
        raise InputError(f"{path}: tensor {name!r} is missing; found {', '.join(sorted(tensors)) or 'none'}.")
    value = tensors[name]
    if value.ndim != 2 or value.dtype != np.float32 or 0 in value.shape:
        raise InputError(f"{path}: {name!r} is {value.dtype} {value.shape}; expected a float32 matrix.")
    if len(value) != rows:
        raise InputError(f"{path}: {name!r} has {len(value)} rows; expected one per {what}, {rows}.")
    if not np.isfinite(value).all():
        row = int((~np.isfinite(value).all(axis=1)).argmax())
        raise InputError(f"{path}: row {row} of {name!r} is not finite; expected numbers alone.")
    return value


def take(path: str | Path, histories: Histories, settings: dict, seed: int) -> Taken:
    """Take a recommender from outside, label what it says of each prefix and measure it on the test items.

    Args:
        path: as of :func:`load_given`.
        histories: all prefixes.
        settings: the labels' values, ``bootstrap``, ``validation`` and ``name``.
        seed: of the draws and the bootstrap.

    Raises:
        InputError: as :func:`load_given` and :func:`recexplainer.recommender.labels.label_prefixes`.
    """
    user, item = load_given(path, histories)
    own = ("batch_size", "bootstrap", "validation", "name")
    chosen = LabelSettings(**{key: value for key, value in settings.items() if key not in own})
    labels = label_prefixes(user, item, histories, chosen, seed, settings["batch_size"])
    # Items of a single-tower model are alike whose scores are.
    alike = user.T if Path(path).name == "scores.safetensors" else item
    popularity = histories.popularity(settings["validation"]).astype(np.float64)
    targets = histories.test_targets()
    ranks = {
        settings["name"]: target_ranks(histories, targets, lambda rows: user[rows] @ item.T),
        "popularity": target_ranks(histories, targets, lambda rows: np.tile(popularity, (len(rows), 1))),
    }
    logger.info("%s: %d prefixes, %d items", path, len(user), len(item))
    return Taken(
        {"user": user, "item": item},
        labels,
        similar_items(alike, chosen.similar, settings["batch_size"]),
        metrics_table(ranks, seed, settings["bootstrap"]),
    )
