"""Explanations, their judges, and the study with people."""

from typing import Annotated

from pydantic import Field

from recexplainer.config.inference import Answering
from recexplainer.config.kinds import Count, EachOnce, Names, NotNegative, Section, Several, SomeNames, Text, Viewpoint

Rater = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")]
Raters = Annotated[list[Rater], Field(min_length=1), *EachOnce]


class Study(Section):
    """The study with people, and the dataset of figures 3, 4 and 5."""

    dataset: Text
    """one of run.datasets"""
    cases: Count
    """cases to be rated, each with the texts of all systems"""
    raters: Raters
    """one page each"""
    ratings: Text | None
    """folder with the files that the raters sent back, {rater}.json; null: not yet; simulated: made up, and marked
    so"""
    allow_incomplete: bool
    """take missing ratings as not given instead of refusing the file"""


class Explanation(Section):
    """Explanations and their judges (sections 3.1.2, 3.4 and 3.5)."""

    cases: Several
    """cases per dataset, half of them positive by the recommender"""
    max_tokens: Count
    """longest answer, in tokens"""
    prompts: Text
    """YAML file with the question, the viewpoints, the levels and the judge's instruction"""
    services: Names
    """names of services that explain beside the base LLM and the aligned ones"""
    judges: SomeNames
    """who rates: names of services, or rubric, the offline judge that checks what can be checked by code; the first
    one's ratings are those of figure 4"""
    judge_max_tokens: Count
    """longest reply of a judge, in tokens"""
    max_usd: NotNegative
    """the most that services may be paid by all stages of the run together, in USD: what may be too much is refused
    before the first request, and what was counted (answers/ledger.jsonl of the results) stops the run"""
    bootstrap: Count
    """resamples of the cases for the confidence intervals"""
    case: Text | None
    """the case of figures 4 and 5; null: the most telling one"""
    viewpoints: SomeNames
    """figure 5's points of view, by their names in the file of prompts"""
    viewpoint_cases: Several
    """cases per dataset that each system but the services explains from each of them too, for controllability.csv:
    of those above the first ones, half of them positive, each of another user"""
    viewpoint_words: dict[str, Viewpoint]
    """What a text has to name to speak of a point of view. By its name: words or names, however they are spelled in
    capitals and plurals; and fields of the metadata (tags, brand, feature) whose facts count as well, but for those
    that most items have or that hold a value of another point of view."""
    study: Study


class Chosen(Section):
    """What the cases are chosen by."""

    cases: Several
    max_length: Count
    """items of a history that are shown, the newest"""


class Explaining(Answering):
    """What an LLM's explanations are made with."""

    max_tokens: Count


class Asking(Section):
    """What a service's explanations are made with, beside the service's own entry."""

    max_tokens: Count
    max_usd: NotNegative


class Judging(Section):
    """What a service judges with, beside its own entry."""

    judge_max_tokens: Count
    max_usd: NotNegative


class DrawnStudy(Section):
    """What the study with people is drawn by."""

    dataset: Text
    """its name on the pages"""
    cases: Count
    raters: Raters


class Collected(Section):
    """What is asked of the ratings that came back."""

    allow_incomplete: bool


class Selected(Section):
    """What figures 4 and 5 show."""

    case: Text | None
    """null: the most telling one"""
    system: Text
    """the one of figure 5, which the choice favours"""


class Controlled(Section):
    """What is counted of the answers from points of view."""

    viewpoints: SomeNames
    viewpoint_cases: Several
    viewpoint_words: dict[str, Viewpoint]
