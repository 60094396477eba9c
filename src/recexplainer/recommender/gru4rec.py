"""GRU4Rec, a recurrent recommender (Hidasi et al., 2016), with a softmax over the whole catalogue as SASRec here."""

from typing import Any

import torch
from torch import Tensor, nn

from recexplainer.recommender.sasrec import PADDING, initialise


class GRU4Rec(nn.Module):
    """The recommender.

    Args:
        items: size of the catalogue.
        dim, max_length, layers, hidden_dropout: see
            :class:`recexplainer.config.recommender.Sized`; its other values are not used.
    """

    def __init__(self, items: int, dim: int, max_length: int, layers: int, hidden_dropout: float, **_: Any) -> None:
        super().__init__()
        self.max_length = max_length
        self.item_table = nn.Embedding(items + 1, dim, padding_idx=PADDING)
        self.dropout = nn.Dropout(hidden_dropout)
        self.gru = nn.GRU(dim, dim, layers, batch_first=True)
        self.output = nn.Linear(dim, dim)
        self.apply(initialise)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the user embeddings (batch, dim), the state after the newest item; arguments as SASRec's."""
        return self.output(self.dropout(self._run(sequence)[1][-1]))

    def all_positions(self, sequence: Tensor) -> Tensor:
        """Return the output after every item, (batch, width, dim); the last one is what :meth:`forward` returns."""
        width = sequence.shape[1]
        states, length = nn.utils.rnn.pad_packed_sequence(self._run(sequence)[0], batch_first=True, total_length=width)
        back = (torch.arange(width) - (width - length)[:, None]) % width
        return self.output(self.dropout(states.gather(1, back[..., None].expand_as(states))))

    def _run(self, sequence: Tensor) -> tuple[nn.utils.rnn.PackedSequence, Tensor]:
        """Return the states after every item, packed, and each layer's last ones (layers, batch, dim)."""
        length = (sequence != PADDING).sum(1)
        # From left to right padding, which the packing of sequences wants.
        shift = (torch.arange(sequence.shape[1]) + (sequence.shape[1] - length)[:, None]) % sequence.shape[1]
        states = self.dropout(self.item_table(sequence.gather(1, shift)))
        return self.gru(nn.utils.rnn.pack_padded_sequence(states, length, batch_first=True, enforce_sorted=False))

    def items(self) -> Tensor:
        """Return the item embeddings, (items, dim)."""
        return self.item_table.weight[1:]
