"""A recommender from outside: its embeddings, or the scores of one that has none, checked and labelled as ours are."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from recexplainer.config.labels import Imported
from recexplainer.errors import InputError
from recexplainer.files import read_safetensors
from recexplainer.recommender.contract import embeddings_of, matrix
from recexplainer.recommender.evaluation import beside_popularity
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes, similar_items
from recexplainer.tensors import names

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
        path: ``embeddings.safetensors`` with ``user`` and ``item``, or ``scores.safetensors`` with ``scores``; read by
            :func:`read_given`.
        histories: all prefixes.

    Raises:
        InputError: the file is missing or broken, or a tensor is missing, has another shape or type, or a value that
            is not finite.
    """
    per_prefix = (len(histories), "prefix (row of interactions.parquet)")
    tensors = read_given(path)
    if Path(path).name == "scores.safetensors":
        scores = _of_rows(path, "scores", matrix(path, tensors, "scores"), *per_prefix)
        if scores.shape[1] != histories.item_count:
            raise InputError(
                f"{path}: 'scores' has {scores.shape[1]} columns; expected one per item, {histories.item_count}."
            )
        return scores, np.eye(histories.item_count, dtype=np.float32)
    user, item = embeddings_of(path, tensors)
    _of_rows(path, "user", user, *per_prefix)
    return user, _of_rows(path, "item", item, histories.item_count, "item (row of items.parquet)")


def read_given(path: str | Path) -> dict[str, np.ndarray]:
    """Read a safetensors file, floating-point numbers of any size as float32, and say in the log which were converted.

    Those of 16 and 8 bits (bfloat16, float16, float8) are exactly what they were; those of 64 bits are rounded to the
    nearest, and are infinite beyond 3.4e38, which :func:`recexplainer.recommender.contract.matrix` refuses. So it does
    integers, which stay what they are.

    Raises:
        InputError: the file is missing or broken, or holds numbers of a kind that torch cannot convert, or ones of 8
            bits beside other tensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors, ours = file.get_tensors(), "sha256" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return read_safetensors(path)  # says what is wrong
    if ours:
        read_safetensors(path)  # checks the digest
    _check_unscaled(path, tensors)
    try:
        return {name: _as_float32(path, name, tensor).numpy() for name, tensor in tensors.items()}
    except (TypeError, NotImplementedError, RuntimeError) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: numbers that cannot be converted ({why}). Save them with .float().") from None


def _as_float32(path: str | Path, name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point() or tensor.dtype == torch.float32:
        return tensor
    how = "rounded to" if tensor.element_size() > 4 else "taken exactly as"
    logger.info("%s: %r is %s, %s float32", path, name, str(tensor.dtype).removeprefix("torch."), how)
    return tensor.float()


def _check_unscaled(path: str | Path, tensors: dict[str, torch.Tensor]) -> None:
    """Refuse numbers of 8 bits with something beside them: scales, without which they are others."""
    small = [name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.element_size() == 1]
    other = tensors.keys() - {"user", "item", "scores"}
    if small and other:
        raise InputError(
            f"{path}: {small[0]!r} is in 8 bits, and {names(other)} beside it may be its scale, which is not read. "
            "Multiply it in, and save .float()."
        )


def _of_rows(path: str | Path, name: str, value: np.ndarray, rows: int, what: str) -> np.ndarray:
    """Return a matrix if it has a row for each."""
    if len(value) != rows:
        raise InputError(f"{path}: {name!r} has {len(value)} rows; expected one per {what}, {rows}.")
    return value


def import_recommender(path: str | Path, histories: Histories, settings: Imported, seed: int) -> Taken:
    """Take a recommender from outside, label what it says of each prefix and measure it on the test items.

    Args:
        path: as of :func:`load_given`.
        histories: all prefixes.
        settings: what decides the labels and the metrics.
        seed: of the draws and the bootstrap.

    Raises:
        InputError: as :func:`load_given` and :func:`recexplainer.recommender.labels.label_prefixes`.
    """
    user, item = load_given(path, histories)
    labels = label_prefixes(user, item, histories, settings, seed, settings.batch_size)
    # Items of a single-tower model are alike whose scores are.
    alike = user.T if Path(path).name == "scores.safetensors" else item
    metrics = beside_popularity(
        settings.name,
        lambda rows: user[rows] @ item.T,
        histories,
        validation=settings.validation,
        seed=seed,
        bootstrap=settings.bootstrap,
    )
    logger.info("%s: %d prefixes, %d items", path, len(user), len(item))
    return Taken(
        {"user": user, "item": item},
        labels,
        similar_items(alike, settings.similar, settings.batch_size),
        metrics,
    )
