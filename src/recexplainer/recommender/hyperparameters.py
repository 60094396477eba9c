"""The recommender's hyperparameters, checked once."""

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from recexplainer.errors import InputError

ACTIVATIONS = ("swish", "relu", "gelu")
LOSS_AT = ("last", "all")


@dataclass(frozen=True)
class Hyperparameters:
    """What the config's ``recommender`` block says about SASRec and its training.

    Attributes:
        dim: embedding size.
        max_length: how many items of a history are seen, the newest kept.
        layers, heads, ffn: transformer layers, attention heads, width of the feed-forward network.
        activation: of the feed-forward network: swish, relu or gelu.
        hidden_dropout, attention_dropout: dropout shares, in [0, 1).
        lr, weight_decay, gradient_clip: of AdamW; the clip is on the norm of all gradients.
        batch_size: prefixes per step.
        epochs: upper limit.
        patience: epochs without a better validation NDCG@10 after which training stops.
        loss_at: the position of a history at which the next item is learnt. ``last``, as the authors' code does: each
            prefix is read for itself. ``all``, as Kang and McAuley (2018) do: a history is read once, and learnt from
            at every position, which costs much less; SASRec and GRU4Rec only.
    """

    dim: int
    max_length: int
    layers: int
    heads: int
    ffn: int
    activation: str
    hidden_dropout: float
    attention_dropout: float
    lr: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int
    gradient_clip: float
    loss_at: str = "last"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(f"recommender.{field.name}: {value!r}; expected a whole number of at least 1.")
            if field.type is float:
                number(f"recommender.{field.name}", value)
                if value < 0:
                    raise InputError(f"recommender.{field.name}: {value!r}; expected a number of at least 0.")
        if self.activation not in ACTIVATIONS:
            raise InputError(f"recommender.activation: {self.activation!r}; expected one of {', '.join(ACTIVATIONS)}.")
        if self.loss_at not in LOSS_AT:
            raise InputError(f"recommender.loss_at: {self.loss_at!r}; expected one of {', '.join(LOSS_AT)}.")
        for name in ("hidden_dropout", "attention_dropout"):
            if getattr(self, name) >= 1:
                raise InputError(f"recommender.{name}: {getattr(self, name)!r}; expected a share below 1.")
        for name in ("lr", "gradient_clip"):
            if getattr(self, name) == 0:
                raise InputError(f"recommender.{name}: 0; expected a number above 0.")
        if self.dim % self.heads:
            raise InputError(
                f"recommender.heads: {self.heads} does not divide recommender.dim {self.dim}; choose heads that do."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self)


def hyperparameters(values: dict[str, Any]) -> Hyperparameters:
    """Check ``values`` and return them as :class:`Hyperparameters`.

    Raises:
        InputError: a key is missing or unknown, a value is out of range, or the heads do not divide the dimension.
    """
    names = {field.name for field in fields(Hyperparameters)}
    needed = {field.name for field in fields(Hyperparameters) if field.default is MISSING}
    for name in sorted(needed - set(values)):
        raise InputError(f"recommender.{name}: missing; expected one of the keys {', '.join(sorted(names))}. Set it.")
    for name in sorted(set(values) - names):
        raise InputError(f"recommender.{name}: unknown; expected one of {', '.join(sorted(names))}. Remove it.")
    return Hyperparameters(**values)


def number(key: str, value: object) -> float:
    """Return ``value`` if it is a number.

    Raises:
        InputError: it is not; YAML reads ``1e-4``, without a point, as text.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{key}: {value!r}; expected a number. In YAML write 1.0e-4, with a point, not 1e-4.")
    return value
