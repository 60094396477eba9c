"""SASRec, self-attentive sequential recommendation (Kang and McAuley, 2018): the target model (section 3.2.2).

A history is read left padded, so that its newest item always sits at the last
position. Each item attends to itself and to older ones. The output at the last
position is the user embedding; its dot product with a row of the input item
table is the score of that item.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

PADDING = 0  # item i of the catalogue is row i + 1 of the item table
INIT_STD = 0.02
ACTIVATIONS = {"swish": functional.silu, "relu": functional.relu, "gelu": functional.gelu}


class Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, states: Tensor, visible: Tensor) -> Tensor:
        """Attend from ``queries`` to ``states``.

        Args:
            queries: (batch, queries, dim).
            states: (batch, width, dim).
            visible: (batch, 1, queries, width) bool, true where a query may look.

        Returns:
            (batch, queries, dim).
        """
        query, key, value = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x in (self.query(queries), self.key(states), self.value(states))
        )
        scores = query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5
        # A finite number: a padding position sees nothing at all, and a row of minus infinities would be NaN.
        weights = scores.masked_fill(~visible, torch.finfo(scores.dtype).min).softmax(-1)
        return self.output((self.dropout(weights) @ value).transpose(1, 2).flatten(-2))


class Layer(nn.Module):
    """Attention, then a position-wise feed-forward network; each adds to its input, then is normalised (post-LN)."""

    def __init__(
        self, dim: int, heads: int, ffn: int, activation: str, hidden_dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.attention = Attention(dim, heads, attention_dropout)
        self.attention_norm = nn.LayerNorm(dim)
        self.wide, self.narrow = nn.Linear(dim, ffn), nn.Linear(ffn, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.activation = ACTIVATIONS[activation]
        self.dropout = nn.Dropout(hidden_dropout)

    def forward(self, queries: Tensor, states: Tensor, visible: Tensor) -> Tensor:
        """Return (batch, queries, dim); the arguments are those of :meth:`Attention.forward`."""
        queries = self.attention_norm(queries + self.dropout(self.attention(queries, states, visible)))
        return self.ffn_norm(queries + self.dropout(self.narrow(self.activation(self.wide(queries)))))


class SASRec(nn.Module):
    """The recommender.

    Args:
        items: size of the catalogue.
        dim, max_length, layers, heads, ffn, activation, hidden_dropout, attention_dropout: see
            :class:`recexplainer.config.recommender.Sized`.
    """

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
        self.item_table = nn.Embedding(items + 1, dim, padding_idx=PADDING)
        self.positions = nn.Embedding(max_length, dim)
        self.input_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(hidden_dropout)
        self.layers = nn.ModuleList(
            Layer(dim, heads, ffn, activation, hidden_dropout, attention_dropout) for _ in range(layers)
        )
        self.apply(initialise)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the user embeddings, the output at the last position.

        Args:
            sequence: (batch, width) int64, width at most ``max_length``, left padded with 0; item ``i`` is ``i + 1``.

        Returns:
            (batch, dim).
        """
        states, visible = self._embed(sequence)
        for layer in self.layers[:-1]:
            states = layer(states, states, visible)
        # Of the last layer only the last position is ever used.
        return self.layers[-1](states[:, -1:], states, visible[..., -1:, :])[:, 0]

    def all_positions(self, sequence: Tensor) -> Tensor:
        """Return the output at every position, (batch, width, dim); the last one is what :meth:`forward` returns."""
        states, visible = self._embed(sequence)
        for layer in self.layers:
            states = layer(states, states, visible)
        return states

    @property
    def max_length(self) -> int:
        """How many items of a history are seen."""
        return self.positions.num_embeddings

    def items(self) -> Tensor:
        """Return the item embeddings, (items, dim): the input item table without its padding row."""
        return self.item_table.weight[1:]

    def _embed(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input states (batch, width, dim) and the mask (batch, 1, width, width)."""
        width = sequence.shape[1]
        # Positions are counted from the newest item, so a batch without all of the padding gives the same output.
        states = self.dropout(self.input_norm(self.item_table(sequence) + self.positions.weight[-width:]))
        return states, self._visible(sequence)

    def _visible(self, sequence: Tensor) -> Tensor:
        """Return the mask (batch, 1, width, width): a position sees what is real and not newer."""
        width = sequence.shape[1]
        causal = torch.ones(width, width, dtype=torch.bool, device=sequence.device).tril()
        return causal & (sequence != PADDING)[:, None, None, :]


def initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02); biases and the padding row are zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INIT_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx])
