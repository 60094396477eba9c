"""The recommender that is explained, and the search for its hyperparameters."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from recexplainer.config.kinds import (
    Count,
    Dimensions,
    Dropout,
    MayLack,
    NotNegative,
    Number,
    Positive,
    Section,
    Some,
    Text,
    Validation,
)
from recexplainer.errors import InputError

Activation = Literal["swish", "relu", "gelu"]
LossAt = Literal["last", "all"]
Architecture = Literal["sasrec", "gru4rec", "bert4rec", "mf", "external"]


class Hyperparameters(Section):
    """How a recommender is built and trained, whatever the dataset."""

    layers: Count
    """transformer layers"""
    heads: Count
    """attention heads; they divide every dataset's dim"""
    ffn: Count
    """width of the feed-forward network"""
    activation: Activation
    """its activation: swish, relu or gelu"""
    lr: Positive
    """learning rate (AdamW)"""
    batch_size: Count
    """prefixes per step"""
    weight_decay: NotNegative
    """AdamW's weight decay"""
    gradient_clip: Positive
    """limit of the norm of all gradients"""
    hidden_dropout: Dropout
    """dropout of the hidden states"""
    attention_dropout: Dropout
    """dropout of the attention weights"""
    epochs: Count
    """most epochs"""
    patience: Count
    """epochs without a better validation NDCG@10 after which training stops"""
    loss_at: LossAt
    """where in a history the next item is learnt: `last`, each prefix is read for itself, as in the authors' code;
    or `all`, a history is read once and learnt from at every position, several times as fast (SASRec and GRU4Rec
    only)"""


class Range(Section):
    """What a hyperparameter is drawn from: `low` and `high`, or `choices` alone."""

    low: MayLack[Number] = None
    """the least"""
    high: MayLack[Number] = None
    """the most"""
    log: bool = False
    """on a log scale"""
    integer: bool = False
    """in whole numbers"""
    choices: MayLack[Annotated[list[Any], Field(min_length=1)]] = None
    """one of these"""


Own = Annotated[Section, Some("Own", Hyperparameters)]
"""Some of the hyperparameters."""


class Space(Section):
    """A range for each hyperparameter that is drawn."""

    layers: MayLack[Range] = None
    """of every trial but the first"""
    heads: MayLack[Range] = None
    """of every trial but the first"""
    ffn: MayLack[Range] = None
    """of every trial but the first"""
    activation: MayLack[Range] = None
    """of every trial but the first"""
    lr: MayLack[Range] = None
    """of every trial but the first"""
    batch_size: MayLack[Range] = None
    """of every trial but the first"""
    weight_decay: MayLack[Range] = None
    """of every trial but the first"""
    gradient_clip: MayLack[Range] = None
    """of every trial but the first"""
    hidden_dropout: MayLack[Range] = None
    """of every trial but the first"""
    attention_dropout: MayLack[Range] = None
    """of every trial but the first"""
    epochs: MayLack[Range] = None
    """of every trial but the first"""
    patience: MayLack[Range] = None
    """of every trial but the first"""


class Tuning(Section):
    """Random search per dataset."""

    trials: Count
    """trainings; the first one is always the values above"""
    space: Space
    """what is drawn, by key of `recommender`: {low, high}, with `log: true` on a log scale and `integer: true` in
    whole numbers, or {choices: [...]}"""


class Recommender(Hyperparameters):
    """How the recommender is built and trained (sections 3.1.1 and 3.2.2): SASRec, and what of it others have as
    well."""

    tuning: Tuning
    bootstrap: Count
    """resamples of the users for the confidence intervals of its metrics"""
    threads: Count
    """CPU threads of a training"""


class Sized(Hyperparameters, Dimensions):
    """The hyperparameters of a recommender for one dataset.

    Raises:
        InputError: the heads do not divide the embedding size.
    """

    loss_at: LossAt = "last"

    @model_validator(mode="after")
    def _heads_divide(self) -> "Sized":
        if self.dim % self.heads:
            raise InputError(
                f"recommender.heads: {self.heads} does not divide recommender.dim {self.dim}; choose heads that do."
            )
        return self


class Trial(Section):
    """What decides a trial of the random search."""

    model: Architecture = "sasrec"
    sasrec: Sized
    """the config's own values, whatever the model"""
    space: Space
    validation: Validation


class Training(Section):
    """What decides the training with the best trial's values, beside these."""

    model: Architecture = "sasrec"
    validation: Validation
    bootstrap: Count
    """resamples of the users for the confidence intervals"""


class Explained(Section):
    """One of the recommenders."""

    model: Architecture
    """sasrec, gru4rec, bert4rec, mf or external"""
    folder: MayLack[Text] = None
    """of external: the folder with its embeddings or scores; {dataset} stands for the dataset's name"""
    single_tower: MayLack[bool] = None
    """of external: whether it has scores and no embeddings"""
    settings: MayLack[Own] = None
    """what of `recommender` is to be different"""
