"""What any recommender must hand over: the only thing that later stages know of it.

``embeddings.safetensors`` holds two float32 tensors: ``user`` (prefixes, dim),
one row per prefix of a history, and ``item`` (items, dim). The score of an item
for a prefix is their dot product. ``labels.parquet`` holds one row per prefix,
in the order of ``user``, with the columns :data:`LABELS`; ``similar.parquet``
one row per item with the columns :data:`SIMILAR`.

A recommender of your own fits by writing these files
(:func:`recexplainer.recommender.labels.label_prefixes` makes the labels from
embeddings); :func:`load_export` checks them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.files import read_arrow, read_safetensors

# prefix: row number. length: the prefix is the user's first `length` items. split: train up to n - 2, test for n - 1,
# full for n. top1: the best item not in the prefix. ranking: uniform unseen items, best score first. positive and
# negative: uniform unseen items strictly above threshold_high and strictly below threshold_low, with their scores.
# Rows of the split "full" may have -1 and an empty ranking: they only carry the embedding for reconstruction.
LABELS = {
    "prefix": pa.int32(),
    "user": pa.int32(),
    "length": pa.int32(),
    "split": pa.string(),
    "top1": pa.int32(),
    "ranking": pa.list_(pa.int32()),
    "positive": pa.int32(),
    "negative": pa.int32(),
    "threshold_high": pa.float32(),
    "threshold_low": pa.float32(),
    "positive_score": pa.float32(),
    "negative_score": pa.float32(),
}
SIMILAR = {"item": pa.int32(), "similar": pa.list_(pa.int32())}


@dataclass(frozen=True)
class Export:
    """A recommender's embeddings and labels.

    Attributes:
        user: (prefixes, dim) float32.
        item: (items, dim) float32.
        labels: one row per prefix, columns :data:`LABELS`; ``ranking`` holds lists.
    """

    user: np.ndarray
    item: np.ndarray
    labels: pd.DataFrame


def load_export(embeddings: str | Path, labels: str | Path) -> Export:
    """Read a recommender's export and check that it keeps the contract.

    Raises:
        InputError: a file is missing or broken, or names the first row that does not fit.
    """
    user, item = load_embeddings(embeddings)
    return Export(user, item, load_labels(labels, embeddings, prefixes=len(user), items=len(item)))


def load_labels(labels: str | Path, embeddings: str | Path, *, prefixes: int, items: int) -> pd.DataFrame:
    """Read a recommender's labels and check that they keep the contract and belong to its embeddings.

    The column ``ranking`` stays Arrow's, as an object per row would take several times the memory.

    Args:
        labels: ``labels.parquet``.
        embeddings: ``embeddings.safetensors``, for messages only.
        prefixes: how many user embeddings it has.
        items: how many item embeddings it has.

    Raises:
        InputError: the file is missing or broken, or names the first row that does not fit.
    """
    table = read_arrow(labels, list(LABELS))
    frame = table.drop_columns(["ranking"]).to_pandas()
    for name, kind in LABELS.items():
        if pa.types.is_integer(kind) and not pd.api.types.is_integer_dtype(frame[name]):
            raise InputError(f"{labels}: column {name!r} is {frame[name].dtype}; expected int32 without nulls.")
        if pa.types.is_floating(kind) and not pd.api.types.is_float_dtype(frame[name]):
            raise InputError(f"{labels}: column {name!r} is {frame[name].dtype}; expected float32.")
    try:
        ranking = table["ranking"].cast(LABELS["ranking"])
    except pa.ArrowException as error:
        raise InputError(f"{labels}: column 'ranking': {error}; expected lists of int32.") from None
    frame.insert(list(LABELS).index("ranking"), "ranking", pd.arrays.ArrowExtensionArray(ranking))
    if len(frame) != prefixes:
        raise InputError(
            f"{labels}: {len(frame)} rows, but {embeddings} has {prefixes} user embeddings; expected one each."
        )
    _check_prefixes(labels, frame)
    _check_labels(labels, frame[frame["split"] != "full"], items)
    return frame


def load_embeddings(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the user embeddings (prefixes, dim) and the item embeddings (items, dim), and check them by themselves.

    Raises:
        InputError: the file is missing or broken, or a tensor is not such a matrix.
    """
    return embeddings_of(path, read_safetensors(path))


def embeddings_of(path: str | Path, tensors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of a file's tensors.

    Raises:
        InputError: a tensor is not such a matrix.
    """
    user, item = (matrix(path, tensors, name) for name in ("user", "item"))
    if user.shape[1] != item.shape[1]:
        raise InputError(f"{path}: 'user' has dimension {user.shape[1]} and 'item' {item.shape[1]}; make them equal.")
    return user, item


def load_tables(path: str | Path) -> dict[str, np.ndarray]:
    """Return :func:`load_embeddings` by name: ``user`` and ``item``."""
    return dict(zip(("user", "item"), load_embeddings(path), strict=True))


def matrix(path: str | Path, tensors: dict[str, Any], name: str) -> np.ndarray:
    """Return one of a file's tensors.

    Raises:
        InputError: it is missing, no float32 matrix, or holds what is no number.
    """
    if name not in tensors:
        raise InputError(f"{path}: tensor {name!r} is missing; found {', '.join(sorted(tensors)) or 'none'}.")
    value = tensors[name]
    if value.ndim != 2 or value.dtype != np.float32 or 0 in value.shape:
        raise InputError(f"{path}: {name!r} is {value.dtype} {value.shape}; expected a float32 matrix (rows, dim).")
    if not np.isfinite(value).all():
        row = int((~np.isfinite(value).all(axis=1)).argmax())
        raise InputError(f"{path}: row {row} of {name!r} is not finite; export from a recommender that has converged.")
    return value


def _check_prefixes(path: str | Path, frame: pd.DataFrame) -> None:
    """Check that every user has each length 1 to n once, and the splits that follow from it."""
    _refuse(path, frame["prefix"].to_numpy() != np.arange(len(frame)), frame, "prefix is its row number")
    by_user = frame.groupby("user")["length"]
    total = by_user.transform("max")
    complete = (frame["length"] >= 1) & (by_user.transform("count") == total) & (by_user.transform("nunique") == total)
    _refuse(path, ~complete, frame, "each user has every length from 1 to n once")
    left = total - frame["length"]
    split = np.select([left >= 2, left == 1], ["train", "test"], "full")
    _refuse(path, frame["split"].to_numpy() != split, frame, "split is train up to n - 2, test for n - 1, full for n")


def _check_labels(path: str | Path, frame: pd.DataFrame, item_count: int) -> None:
    """Check the answers of the rows that train or test the LLM."""
    if frame.empty:
        return
    for name in ("top1", "positive", "negative"):
        _refuse(path, ~frame[name].between(0, item_count - 1), frame, f"{name} is an item, 0 to {item_count - 1}")
    lengths = frame["ranking"].list.len().fillna(0).to_numpy()
    _refuse(path, (lengths != lengths[0]) | (lengths < 2), frame, "ranking has the same number of items, 2 or more")
    ranking = frame["ranking"].list.flatten().fillna(-1).to_numpy().reshape(len(frame), -1)
    repeated = (np.diff(np.sort(ranking, axis=1), axis=1) == 0).any(axis=1)
    outside = ((ranking < 0) | (ranking >= item_count)).any(axis=1)
    _refuse(path, repeated | outside, frame, f"ranking holds different items, 0 to {item_count - 1}")
    above, below = frame["positive_score"] > frame["threshold_high"], frame["negative_score"] < frame["threshold_low"]
    _refuse(path, ~(above & below), frame, "positive scores above threshold_high and negative below threshold_low")


def _refuse(path: str | Path, bad: Any, frame: pd.DataFrame, expected: str) -> None:
    """Raise if any row is bad, naming the first."""
    bad = np.asarray(bad, dtype=bool)
    if bad.any():
        raise InputError(
            f"{path}: row {frame.index[bad.argmax()]}: expected that {expected}. Export the recommender again."
        )
