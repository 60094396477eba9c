"""BERT4Rec, a bidirectional recommender trained on hidden items (Sun et al., 2019); its layers are SASRec's.

To recommend, a mask stands after the history, and the output there is the user embedding. In training the target stands
in that place, hidden, and some items of the history are hidden as well; each hidden one is to be told.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from recexplainer.recommender.sasrec import PADDING, Layer, initialise

HIDDEN = 0.2
"""Share of a history's items that training hides beside the target."""


class BERT4Rec(nn.Module):
    """The recommender; its arguments are those of :class:`recexplainer.recommender.sasrec.SASRec`."""

    def __init__(
        self,
        items: int,
        dim: int,
        max_length: int,
        layers: int,
        heads: int,
        ffn: int,
        activation: str,
        hidden_dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.max_length = max_length
        self.mask = items + 1
        self.item_table = nn.Embedding(items + 2, dim, padding_idx=PADDING)
        self.positions = nn.Embedding(max_length + 1, dim)
        self.input_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(hidden_dropout)
        self.layers = nn.ModuleList(
            Layer(dim, heads, ffn, activation, hidden_dropout, attention_dropout) for _ in range(layers)
        )
        self.apply(initialise)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the user embeddings (batch, dim); arguments as SASRec's."""
        return self._outputs(torch.cat([sequence, torch.full_like(sequence[:, :1], self.mask)], dim=1))[:, -1]

    def loss(self, sequence: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the hidden items.

        Args:
            sequence: (batch, width), histories as in :meth:`forward`.
            targets: (batch,) int64, the items that follow, from 0.
        """
        whole = torch.cat([sequence, targets[:, None] + 1], dim=1)
        hidden = (torch.rand(whole.shape) < HIDDEN) & (whole != PADDING)
        hidden[:, -1] = True
        outputs = self._outputs(whole.masked_fill(hidden, self.mask))
        return functional.cross_entropy(outputs[hidden] @ self.items().T, whole[hidden] - 1)

    def items(self) -> Tensor:
        """Return the item embeddings, (items, dim): the input item table without padding and mask."""
        return self.item_table.weight[1:-1]

    def _outputs(self, sequence: Tensor) -> Tensor:
        """Return the outputs (batch, width, dim); every item sees all others."""
        width = sequence.shape[1]
        states = self.dropout(self.input_norm(self.item_table(sequence) + self.positions.weight[-width:]))
        visible = (sequence != PADDING)[:, None, None, :].expand(-1, 1, width, -1)
        for layer in self.layers:
            states = layer(states, states, visible)
        return states
