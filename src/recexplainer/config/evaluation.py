"""What is asked of the LLMs in tests, and how."""

from typing import Annotated, Literal

from pydantic import Field

from recexplainer.config.inference import Answering, AtOnce
from recexplainer.config.kinds import Auto, Count, Section
from recexplainer.config.shown import Shown

Decoding = Literal["beams", "greedy"]
TitleReading = Literal["found", "strict"]
Decision = Literal["logits", "generate"]
Coverage = Literal["once", "repeat"]


class Cases(AtOnce):
    """What the cases of the test are, and how many answers each gets."""

    beams: Count
    """width of the beam search for retrieval (unless the switch retrieval_decoding is greedy)"""
    max_cases: Count | None
    """test users per dataset, drawn from the seed; null: all"""


class Evaluation(Cases):
    """Evaluation (section 3.1.1)."""

    pointwise_cases: Annotated[int, Field(ge=0)]
    """of the ranking's cases so many, drawn from the seed, are also asked candidate by candidate, for pointwise.csv:
    ours, not in the paper. 0: none"""
    shards: Count
    """jobs that share the cases of one system; the answers are the same, byte for byte"""
    bootstrap: Count
    """resamples of the users for the confidence intervals"""
    gpus: Annotated[int, Field(ge=0, le=1)] | Auto
    """1, or 0 for the CPU; auto as that of `alignment`"""
    threads: Count
    """CPU threads"""


class Predicted(Cases, Answering):
    """What an LLM's predictions are made with: of the section what decides them, and the switches about them."""

    retrieval_decoding: Decoding
    title_reading: TitleReading
    classification_decision: Decision


class Pointwise(Answering):
    """What pointwise rankings are made with."""

    max_length: Count
    pointwise_cases: Count


class Surrogate(Section):
    """What the surrogates' predictions are made with."""

    max_length: Count


class Resampled(Section):
    """What the intervals of a table are made with."""

    bootstrap: Count


class Measured(Resampled):
    """What the numbers of table 2 are made with."""

    coverage_counts: Coverage


class Ablated(Measured, Shown):
    """What figure 6 is made with."""
