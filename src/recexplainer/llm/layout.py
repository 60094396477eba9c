"""Where the parts of conversations stand when all are put one after the other."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layout:
    """The rows of some conversations: of each message what is before it, its pieces, its end; then the closing.

    Two conversations, the first of a message of two pieces and one of one piece, the second of a message of one piece,
    make twelve rows::

        0       1      2      3    4       5      6    7        8       9      10   11
        before  piece  piece  end  before  piece  end  closing  before  piece  end  closing

    >>> layout = Layout.of(messages=np.array([2, 1]), pieces=np.array([2, 1, 1]))
    >>> layout.before.tolist(), layout.pieces.tolist(), layout.end.tolist(), layout.closing.tolist()
    ([0, 4, 8], [1, 2, 5, 9], [3, 6, 10], [7, 11])
    >>> layout.lengths.tolist(), layout.length
    ([8, 4], 12)

    Attributes:
        before: int ``(messages,)``, the row of what is before each message.
        pieces: int ``(pieces,)``, the row of each piece.
        end: int ``(messages,)``, the row of what ends each message.
        closing: int ``(conversations,)``, the row of what is after the messages of each.
        lengths: int ``(conversations,)``, the rows of each.
    """

    before: np.ndarray
    pieces: np.ndarray
    end: np.ndarray
    closing: np.ndarray
    lengths: np.ndarray

    @property
    def length(self) -> int:
        """How many rows there are."""
        return int(self.lengths.sum())

    @classmethod
    def of(cls, messages: np.ndarray, pieces: np.ndarray) -> "Layout":
        """Return the layout of conversations of so many messages ``(conversations,)`` and pieces ``(messages,)``."""
        conversation = np.repeat(np.arange(len(messages)), messages)
        # Each message has two rows beside its pieces, and each conversation before it a closing.
        rows = pieces + 2
        before = rows.cumsum() - rows + conversation
        message = np.repeat(np.arange(len(pieces)), pieces)
        place = np.arange(len(message)) - (pieces.cumsum() - pieces)[message]
        lengths = np.bincount(conversation, weights=rows, minlength=len(messages)).astype(int) + 1
        return cls(before, before[message] + 1 + place, before + pieces + 1, lengths.cumsum() - 1, lengths)
