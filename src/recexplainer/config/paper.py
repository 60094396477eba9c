"""What our numbers need to be set beside the paper's."""

from pydantic import Field

from recexplainer.config.evaluation import Coverage
from recexplainer.config.shown import Shown


class BesidePaper(Shown):
    """What our numbers and claims are set beside the paper's by; `names` are those of systems."""

    judge: str | None
    """whose ratings stand for GPT-4's; null: nobody's"""
    generated: list[str]
    """datasets that are made up"""
    others: list[str] = Field(default=[])
    """datasets that have a name of the paper's, but are others"""
    shown: dict[str, str] = Field(default={})
    """what datasets are called"""
    coverage_counts: Coverage
    study: str
    """the dataset of the study with people"""
