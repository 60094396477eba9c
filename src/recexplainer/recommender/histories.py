"""The interactions as prefixes: row ``r`` of the interactions stands for the history that ends with it.

The interactions are sorted by user and time, so the history of the row at
position ``p`` is the user's first ``p + 1`` items, and there are as many
prefixes as interactions. Everything below is an index into one flat array.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recexplainer.errors import InputError
from recexplainer.files import read_parquet

MIN_LENGTH = 3  # one item to learn from, one to validate on, one to test on


@dataclass(frozen=True)
class Histories:
    """Every prefix of every user.

    Attributes:
        users: (rows,) int32, the user of each row.
        items: (rows,) int32, the item of each row, which is the newest of its prefix.
        length: (rows,) int32, how many items the prefix has, 1 to n.
        total: (rows,) int32, n: how many items the row's user has.
        item_count: the size of the catalogue.
    """

    users: np.ndarray
    items: np.ndarray
    length: np.ndarray
    total: np.ndarray
    item_count: int

    @classmethod
    def from_sequences(cls, sequences: list[list[int]], item_count: int) -> "Histories":
        """Make them from each user's items, oldest first."""
        lengths = [len(sequence) for sequence in sequences]
        return cls(
            users=np.repeat(np.arange(len(sequences), dtype=np.int32), lengths),
            items=np.concatenate([np.asarray(sequence, dtype=np.int32) for sequence in sequences]),
            length=np.concatenate([np.arange(1, length + 1, dtype=np.int32) for length in lengths]),
            total=np.repeat(np.asarray(lengths, dtype=np.int32), lengths),
            item_count=item_count,
        )

    def __len__(self) -> int:
        return len(self.items)

    def split(self) -> np.ndarray:
        """Return (rows,) str: ``train`` up to length n - 2, ``test`` for n - 1, ``full`` for n (leave-one-out)."""
        left = self.total - self.length
        return np.select([left >= 2, left == 1], ["train", "test"], "full")

    def training_targets(self, validation: str) -> np.ndarray:
        """Return the rows whose item is a training target; the history to predict it from is the row before.

        Args:
            validation: ``second_last`` leaves out the last two items of each user; ``test`` only the last.
        """
        return np.flatnonzero((self.length >= 2) & (self.length <= self.total - _held_out(validation)))

    def training_stretches(self, validation: str, max_length: int) -> np.ndarray:
        """Return rows whose newest ``max_length`` items precede all training targets: each target follows one of them.

        Args:
            validation: as in :meth:`training_targets`.
            max_length: the recommender's history limit.
        """
        newest = np.flatnonzero(self.length == self.total - _held_out(validation) - 1)
        stretches = -(-self.length[newest] // max_length)
        return np.repeat(newest, stretches) - _counted(stretches) * max_length

    def training_part(self, validation: str) -> np.ndarray:
        """Return the rows whose items the recommender may see in training, as targets or before them."""
        return np.flatnonzero(self.length <= self.total - _held_out(validation))

    def validation_targets(self, validation: str) -> np.ndarray:
        """Return one row per user, the item that early stopping watches: the last but one, or the test item."""
        return np.flatnonzero(self.length == self.total - _held_out(validation) + 1)

    def test_targets(self) -> np.ndarray:
        """Return one row per user, its last item."""
        return np.flatnonzero(self.length == self.total)

    def popularity(self, validation: str) -> np.ndarray:
        """Return (items,) int64: how often each item occurs in the part that the recommender is trained on."""
        return np.bincount(self.items[self.training_part(validation)], minlength=self.item_count)

    def inputs(self, rows: np.ndarray, max_length: int) -> np.ndarray:
        """Return the newest ``max_length`` items of each prefix, left padded.

        Args:
            rows: (batch,) prefixes.
            max_length: the recommender's history limit.

        Returns:
            (batch, width) int64, the longest prefix of the batch wide: 0 is padding, item ``i`` is ``i + 1``.
        """
        width = int(min(max_length, self.length[rows].max(initial=1)))
        index = rows[:, None] - np.arange(width - 1, -1, -1)
        real = index > (rows - self.length[rows])[:, None]
        return np.where(real, self.items[np.maximum(index, 0)].astype(np.int64) + 1, 0)

    def by_width(self, rows: np.ndarray, max_length: int) -> list[np.ndarray]:
        """Return the places in ``rows`` in groups of similar length, each to be padded for itself.

        Widths are 4, 8, 16, ... Where that would not save half of the cells, all are one group.

        Args:
            rows: (batch,) prefixes.
            max_length: the recommender's history limit.
        """
        length = np.minimum(self.length[rows], max_length)
        widest = length.max(initial=1)
        width = np.minimum(2 ** np.ceil(np.log2(np.maximum(length, 4))), widest)
        if 2 * width.sum() > widest * len(rows):
            return [np.arange(len(rows))]
        return [np.flatnonzero(width == one) for one in np.unique(width)]

    def seen(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the items in each prefix, all of it, as places in a matrix (batch, items).

        Args:
            rows: (batch,) prefixes.

        Returns:
            The place in ``rows``, ascending, and the item; as many as the prefixes have items together.
        """
        lengths = self.length[rows].astype(np.int64)
        return np.repeat(np.arange(len(rows)), lengths), self.items[np.repeat(rows, lengths) - _counted(lengths)]

    def mask(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Set the scores of the items in each prefix, all of it, to minus infinity, in place.

        Args:
            scores: (batch, items) float.
            rows: (batch,) prefixes.
        """
        scores[self.seen(rows)] = -np.inf
        return scores


def load_histories(interactions: str | Path, items: str | Path) -> Histories:
    """Read the data stage's files.

    Raises:
        InputError: rows out of order, an item outside the catalogue, an item twice in a history,
            a history that is too short.
    """
    frame = read_parquet(interactions, ["user", "item", "position"])
    item_count = len(read_parquet(items, ["item"]))
    users, item, position = (frame[name].to_numpy() for name in ("user", "item", "position"))
    again = "Run the data stage again."
    if len(frame) == 0:
        raise InputError(f"{interactions}: no interactions; expected at least one user. Loosen the filter.")
    new_user = np.diff(users, prepend=-1)
    expected = np.arange(len(users)) - np.maximum.accumulate(np.where(new_user != 0, np.arange(len(users)), 0))
    broken = ((new_user != 0) & (new_user != 1)) | (position != expected)
    if broken.any():
        raise InputError(
            f"{interactions}: row {broken.argmax()} is out of order; expected users 0, 1, 2, ... and, within each, "
            f"positions 0, 1, 2, ... {again}"
        )
    outside = (item < 0) | (item >= item_count)
    if outside.any():
        raise InputError(
            f"{interactions}: row {outside.argmax()} has item {item[outside.argmax()]}; {items} has only items 0 to "
            f"{item_count - 1}. {again}"
        )
    if frame.duplicated(["user", "item"]).any():
        row = int(frame.duplicated(["user", "item"]).to_numpy().argmax())
        raise InputError(f"{interactions}: row {row} repeats item {item[row]} of user {users[row]}; keep one. {again}")
    total = np.bincount(users)[users]
    if total.min() < MIN_LENGTH:
        raise InputError(
            f"{interactions}: user {users[total.argmin()]} has {total.min()} interactions; leave-one-out needs at "
            f"least {MIN_LENGTH}. Raise the filter's `core`."
        )
    return Histories(
        users.astype(np.int32), item.astype(np.int32), position.astype(np.int32) + 1, total.astype(np.int32), item_count
    )


def _counted(lengths: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... up to the first length less 1, then the same for the second, and so on."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _held_out(validation: str) -> int:
    """Return how many items at the end of each history are kept from training."""
    try:
        return {"second_last": 2, "test": 1}[validation]
    except KeyError:
        raise InputError(f"recommender_validation: {validation!r}; expected 'second_last' or 'test'.") from None
