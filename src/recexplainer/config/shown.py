"""What a run's tables and figures call things, and say of them."""

from pydantic import Field

from recexplainer.config.kinds import Section


class Named(Section):
    """What things are called where a reader sees them."""

    names: dict[str, str] = Field(default={})
    """of systems or datasets; one without an entry goes by its own name"""


class Shown(Named):
    """What things are called, and which of them are made up."""

    synthetic: str = ""
    """what is made up, in a sentence; "" for nothing"""
