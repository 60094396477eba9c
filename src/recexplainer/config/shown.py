"""What a run's tables and figures call things, and say of them."""

from typing import Annotated

from pydantic import Field

from recexplainer.config.kinds import Count, Section, Text

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Named(Section):
    """What things are called where a reader sees them."""

    names: dict[str, str] = Field(default={})
    """of systems or datasets; one without an entry goes by its own name"""


class Tabled(Named):
    """What a table of systems with intervals is made with."""

    bootstrap: Count
    """resamples"""


class Shown(Named):
    """What things are called, and which of them are made up."""

    synthetic: str = ""
    """what is made up, in a sentence; "" for nothing"""


class Page(Shown):
    """What the report says of a run before any result."""

    title: Text
    about: list[Pair] = Field(default=[])
    """names and texts: the data, the LLM, the recommenders"""
    rated_by: str = ""
    """simulated: the raters of the study are made up"""
