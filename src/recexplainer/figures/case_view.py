"""What a case figure shows, and its web page; :mod:`recexplainer.figures.case_image` draws the same as an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer.checking.marked import Run
from recexplainer.files import write_text
from recexplainer.pages import rendered, style_of

HERE = Path(__file__).parent

LEGEND = (
    Run("Underlined in red", "wrong"),
    Run(
        ": a decision against the recommender, a title that is not of this case or not what it is said to be, or one "
        "whose metadata refutes what is said of it. ",
        "plain",
    ),
    Run("Green and bold", "right"),
    Run(": the recommender's decision, or a title said to be in the history that is. ", "plain"),
    Run("Blue and bold", "item"),
    Run(": the item in question. ", "plain"),
    Run("Bold", "named"),
    Run(": a title of the history that is merely named.", "plain"),
)

FACT_WORDS = 40
"""How many words of a fact about the item are shown: a shop's list of features may fill a page."""


@dataclass(frozen=True)
class Panel:
    """One explanation.

    Attributes:
        name: the system, or the point of view.
        color: of the bar beside it, ``#rrggbb``.
        verdict: the decision in words.
        right: whether it is the recommender's.
        rating: the judge's, 1 to 4; None without one.
        runs: the text with its marks.
        remarks: what the checks found, a sentence each.
        note: what was asked beyond the common question; "" for nothing.
    """

    name: str
    color: str
    verdict: str
    right: bool
    rating: int | None
    runs: list[Run]
    remarks: list[str]
    note: str = ""


@dataclass(frozen=True)
class CaseView:
    """One case and its explanations.

    Attributes:
        heading: of the figure.
        history: titles, oldest first.
        target: the item's title.
        facts: names and values of what is known of the item, such as its brand.
        label: the recommender's decision in words.
        standing: where the recommender's score stands, in words.
        panels: the explanations, from top to bottom.
        judge: whose ratings are shown; "" if there are none.
        caption: how the case was chosen, and what else a reader has to know.
        synthetic: what of it is made up, in a sentence; "" for nothing.
    """

    heading: str
    history: list[str]
    target: str
    facts: list[tuple[str, str]]
    label: str
    standing: str
    panels: list[Panel]
    judge: str
    caption: str
    synthetic: str = ""


def in_words(decision: bool | None) -> str:
    """Return what a decision is called in the figures."""
    return "Unreadable" if decision is None else "Recommend" if decision else "Do not recommend"


def describe_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a :class:`CaseView` that one row of ``cases.parquet`` gives."""
    share = float(case["percentile"]) * 100
    names = {"brand": "Brand", "tags": "Tags", "feature": "Features"}
    return {
        "history": list(case["history"]),
        "target": case["title"],
        "facts": [(shown, _shortened(case[name])) for name, shown in names.items() if case[name].strip()],
        "label": in_words(bool(case["label"])),
        "standing": f"scores higher than {share:.0f} % of the items that are new to the user",
    }


def _shortened(text: str) -> str:
    """Return the first :data:`FACT_WORDS` words."""
    words = text.split()
    return " ".join(words[:FACT_WORDS]) + (" …" if len(words) > FACT_WORDS else "")


def write_page(view: CaseView, path: str | Path) -> None:
    """Write the figure as one HTML file that loads nothing, runs nothing, and shows all text as text."""
    colors = "".join(f".panel:nth-of-type({i}) {{ --bar: {p.color}; }}\n" for i, p in enumerate(view.panels, 1))
    style, digest = style_of([HERE / "case_page.css"], colors, bool(view.synthetic))
    write_text(path, rendered(HERE / "case_page.html", style, digest, view=view, legend=LEGEND))
