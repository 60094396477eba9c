"""BERT4Rec, a bidirectional recommender trained on hidden items (Sun et al., 2019); its network is SASRec's.

To recommend, a mask stands after the history, and the output there is the user embedding. In training the target stands
in that place, hidden, and some items of the history are hidden as well; each hidden one is to be told.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from recexplainer.recommender.sasrec import PADDING, SASRec

HIDDEN = 0.2
"""Share of a history's items that training hides beside the target."""


class BERT4Rec(SASRec):
    """The recommender; arguments as SASRec's. It has one item more, the mask, and one position more, the mask's."""

    def __init__(self, items: int, max_length: int, **architecture: Any) -> None:
        super().__init__(items=items + 1, max_length=max_length + 1, **architecture)
        self.mask = items + 1

    @property
    def max_length(self) -> int:
        """How many items of a history are seen."""
        return super().max_length - 1

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the user embeddings (batch, dim); arguments as SASRec's."""
        return super().forward(torch.cat([sequence, torch.full_like(sequence[:, :1], self.mask)], dim=1))

    def loss(self, sequence: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the hidden items.

        Args:
            sequence: (batch, width), histories as in :meth:`forward`.
            targets: (batch,) int64, the items that follow, from 0.
        """
        whole = torch.cat([sequence, targets[:, None] + 1], dim=1)
        hidden = (torch.rand(whole.shape) < HIDDEN) & (whole != PADDING)
        hidden[:, -1] = True
        outputs = self.all_positions(whole.masked_fill(hidden, self.mask))
        return functional.cross_entropy(outputs[hidden] @ self.items().T, whole[hidden] - 1)

    def items(self) -> Tensor:
        """Return the item embeddings, (items, dim): the input item table without padding and mask."""
        return self.item_table.weight[1:-1]

    def _visible(self, sequence: Tensor) -> Tensor:
        """Return the mask (batch, 1, width, width): a position sees all that is real."""
        width = sequence.shape[1]
        return (sequence != PADDING)[:, None, None, :].expand(-1, 1, width, -1)
