"""What can be checked in an explanation without a judge: its decision, the titles it cites, the aspects it covers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer.checking.aspects import find_aspects, nothing_differs
from recexplainer.checking.citation import KINDS, Citation
from recexplainer.checking.citations import find_citations
from recexplainer.checking.words import Catalogue
from recexplainer.decision import read_decision
from recexplainer.files import read_parquet

__all__ = ["KINDS", "Catalogue", "Checked", "Citation", "check", "load_catalogue"]


@dataclass(frozen=True)
class Checked:
    """What was found in a text.

    Attributes:
        decision: whether the text recommends the item; None if it cannot be read.
        citations: the titles in it, in their order, without overlap.
        aspects: ``item``, whether it names the target; ``patterns``, whether it says something of the history that the
            metadata bears out, None where it cannot tell; ``consistency``, whether it relates the target to the history
            in agreement with its decision.
        in_common: a fact that a No names although the item and the history have it in common, where it names no other;
            "" if there is none.
    """

    decision: bool | None
    citations: list[Citation]
    aspects: dict[str, bool | None]
    in_common: str = ""


def load_catalogue(path: str | Path) -> Catalogue:
    """Read ``items.parquet``.

    Raises:
        InputError: the file is missing or broken.
    """
    return Catalogue(read_parquet(path, ["title", *Catalogue.FACTS]))


def check(text: str, case: Mapping[str, Any], catalogue: Catalogue) -> Checked:
    """Check one explanation.

    Args:
        text: the explanation.
        case: ``history``, the titles that the recommender sees, and ``title``, that of the target item.
        catalogue: the items of the dataset.
    """
    citations = find_citations(text, list(case["history"]), case["title"], catalogue)
    decision = read_decision(text)
    arguments = (text, citations, case, catalogue, decision)
    return Checked(decision, citations, find_aspects(*arguments), nothing_differs(*arguments))
