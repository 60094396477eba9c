"""What the tasks are made of: histories, item texts, and the recommender's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import read_parquet
from recexplainer.recommender.contract import load_embeddings, load_labels

TEXT_FIELDS = ("description", "tags", "brand", "feature")
# Free text; the other fields are short.
LONG_FIELDS = ("description", "feature")
LABELS = ["prefix", "user", "length", "split", "top1", "ranking", "positive", "negative"]


class Sequences(Sequence[list[int]]):
    """Lists of items that are held in one array.

    Args:
        items: int ``(interactions,)``, those of the first list, of the second, and so on.
        lengths: of the lists.
    """

    def __init__(self, items: np.ndarray, lengths: np.ndarray) -> None:
        self._items, self._ends = items, np.append(0, lengths.cumsum())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> list[int]:  # type: ignore[override]  # no slices
        return self._items[self._ends[number] : self._ends[number + 1]].tolist()


@dataclass(frozen=True)
class Source:
    """One dataset and what its recommender says about it.

    Attributes:
        titles: of every item.
        fields: field to its text for every item; "" where the item lacks it.
        similar: of every item, its most similar items, best first.
        sequences: of every user, the items, oldest first.
        labels: one row per prefix, as in ``labels.parquet``; ``ranking`` holds lists.
        max_length: how many items of a history the recommender sees, the newest.
        seed: of all draws. It must not depend on the mode, so that all modes ask the same of the same samples.
    """

    titles: list[str]
    fields: dict[str, list[str]]
    similar: list[list[int]]
    sequences: Sequence[list[int]]
    labels: pd.DataFrame
    max_length: int
    seed: int

    def history(self, user: int, length: int) -> list[int]:
        """Return what the recommender sees of the user's first ``length`` items, oldest first."""
        return self.sequences[user][max(0, length - self.max_length) : length]

    def prefixes(self, split: str) -> pd.DataFrame:
        """Return the label rows of a split: ``train`` (up to n - 2 items), ``test`` (n - 1) or ``full`` (n)."""
        return self.labels[self.labels["split"] == split].drop(columns="split")


def load_source(
    *,
    interactions: str | Path,
    items: str | Path,
    embeddings: str | Path,
    labels: str | Path,
    similar: str | Path,
    max_length: int,
    description_words: int,
    seed: int,
) -> Source:
    """Read a dataset and its recommender's labels.

    Args:
        interactions: ``interactions.parquet``, sorted by user and position.
        items: ``items.parquet``.
        embeddings: ``embeddings.safetensors`` of the recommender.
        labels: ``labels.parquet`` of the recommender.
        similar: ``similar.parquet`` of the recommender.
        max_length: how many items of a history the recommender sees.
        description_words: how many words are kept of a description or feature list.
        seed: of all draws.

    Raises:
        InputError: a file is missing or broken, or the files do not belong together.
    """
    catalogue = read_parquet(items, ["title", *TEXT_FIELDS])
    events = read_parquet(interactions, ["user", "item"])
    # The embeddings are only checked: they are gone before the labels come.
    prefixes, count = (len(table) for table in load_embeddings(embeddings))
    frame = load_labels(labels, embeddings, prefixes=prefixes, items=count)[LABELS]
    nearest = read_parquet(similar, ["item", "similar"])
    users = events["user"].to_numpy()
    if not len(users) or users[0] != 0 or not np.isin(np.diff(users), (0, 1)).all():
        raise InputError(f"{interactions}: expected users 0, 1, ... in order, each with interactions.")
    counts = np.bincount(users)
    _check_items(interactions, "item", events["item"].to_numpy(), len(catalogue))
    if len(nearest) != len(catalogue) or (nearest["item"].to_numpy() != np.arange(len(catalogue))).any():
        raise InputError(f"{similar}: expected one row for each of the {len(catalogue)} items of {items}, in order.")
    _check_items(similar, "similar", np.concatenate(nearest["similar"].to_list()), len(catalogue))
    _check_labels(labels, frame, counts, len(catalogue))

    fields = {name: [text.strip() for text in catalogue[name]] for name in TEXT_FIELDS}
    for name in LONG_FIELDS:
        fields[name] = [" ".join(text.split()[:description_words]) for text in fields[name]]
    return Source(
        titles=catalogue["title"].to_list(),
        fields=fields,
        similar=[row.tolist() for row in nearest["similar"]],
        sequences=Sequences(events["item"].to_numpy(), counts),
        labels=frame,
        max_length=max_length,
        seed=seed,
    )


def _check_labels(path: str | Path, frame: pd.DataFrame, counts: np.ndarray, item_count: int) -> None:
    """Check that the labels are of these users and items."""
    by_user = np.bincount(frame["user"], minlength=len(counts))
    if len(by_user) != len(counts) or (by_user != counts).any():
        raise InputError(f"{path}: expected one row per interaction of each user. Export the recommender again.")
    used = frame[frame["split"] != "full"]
    _check_items(path, "top1, positive, negative", used[["top1", "positive", "negative"]].to_numpy(), item_count)
    if len(used):
        _check_items(path, "ranking", used["ranking"].list.flatten().to_numpy(), item_count)


def _check_items(path: str | Path, column: str, values: np.ndarray, item_count: int) -> None:
    """Refuse an item that is not in the catalogue."""
    if values.size and (values.min() < 0 or values.max() >= item_count):
        raise InputError(f"{path}: {column}: expected items from 0 to {item_count - 1}. Make the file again.")
