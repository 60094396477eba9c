"""The alignment tasks."""

from typing import Annotated, Literal

from recexplainer.config.kinds import (
    Count,
    EachOnce,
    MayLack,
    Mode,
    Natural,
    OpenShare,
    Positive,
    Section,
    Several,
    Share,
    Text,
    Viewpoint,
)

HybridForms = Literal["combined", "all"]
AskedFields = Literal["all", "no_tags"]


class Shares(Section):
    """How often the training samples of each task are taken; see `tasks.share`."""

    retrieval: MayLack[Positive] = None
    """of its samples; a task without a share is taken once"""
    ranking: MayLack[Positive] = None
    """likewise"""
    classification: MayLack[Positive] = None
    """likewise"""
    discrimination: MayLack[Positive] = None
    """likewise"""
    reconstruction: MayLack[Positive] = None
    """likewise"""


class Reasons(Section):
    """A seventh task, which the paper does not have: answers to the question that is explained, with the reasons
    that the recommender bears out. Some modes are aligned once more with it, as systems of their own
    (hybrid-reasons), beside those without, of which nothing changes."""

    modes: Annotated[list[Mode], *EachOnce]
    """some of the modes that are run; [] for none"""
    samples: Several
    """how many, half of each verdict"""
    prompts: Text
    """YAML file with the sentences of the answers"""
    verdict_alone: bool
    """Ask each decision a second time, for the verdict alone, in the words of a classification: long answers drown
    the verdict where each sample counts alike. There are twice as many samples then."""
    choices_alone: Natural
    """So many further decisions are asked for the choices alone that bear them out, half of each verdict: among the
    words of a long answer it counts little which choices it names. 0: none."""
    viewpoint_share: Share
    """Of the decisions whose reasons name tags of a point of view of `explanation.viewpoints`, the share that is asked
    from one, and answered with its tags alone; 0: none."""


class TaskRules(Section):
    """What the samples of all tasks are made by."""

    classification_test_share: OpenShare
    """share of the users that are in the classification's test"""
    description_words: Count
    """words of a description that are kept"""
    share: Shares | None
    """How often the training samples of a task are taken, for trainings of few steps: {ranking: 0.5, retrieval: 2,
    classification: 3} takes half of the rankings, asks each retrieval once more in other words, and three times as
    many classifications, the further ones of the users' shorter histories. null: each sample once, as in the paper.
    How many conversations there are is up to `sharegpt.train`."""


class Tasks(TaskRules):
    """The alignment tasks (section 2.2)."""

    explanation: Reasons


class Built(TaskRules):
    """What a mode's samples are made by: the section, its recommender's histories, and the switches about them."""

    mode: Mode
    max_length: Count
    hybrid_forms: HybridForms
    discrimination_fields: AskedFields


class Explained(Section):
    """What a mode's samples of the seventh task are made by."""

    mode: Mode
    max_length: Count
    hybrid_forms: HybridForms
    samples: Several
    verdict_alone: bool = False
    choices_alone: Natural = 0
    viewpoint_share: Share = 0
    viewpoints: dict[str, Viewpoint] = {}
    """what a text names that speaks of each point of view"""


class Split(Section):
    """How many conversations are asked for."""

    train: Count
    test: Count


class Counted(Section):
    """What the samples of table 4 are held against."""

    classification_test_share: OpenShare
    sharegpt: Split
    generated: list[str]
    """datasets that are not the paper's, whatever their names"""
    explanation: MayLack[Several] = None
    """samples of the seventh task, where there is one"""
