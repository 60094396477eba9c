"""From a system's answer to a panel of a case figure: checked, marked, put in words."""

from collections.abc import Mapping
from typing import Any

from recexplainer.checking.checker import Catalogue, check
from recexplainer.checking.marked import decision_span, mark, remarks
from recexplainer.decision import read_decision
from recexplainer.errors import InputError
from recexplainer.figures.case_view import Panel, in_words
from recexplainer.figures.select import agrees

CHECKS = (
    "The marks and remarks come from a program that compares decisions and titles; whether a reason is sound they do "
    "not say."
)


def find_case(cases: dict[str, dict[str, Any]], choice: dict[str, str], selected: str, path: str) -> dict[str, Any]:
    """Return the row of the selected case.

    Args:
        cases: the cases by their names.
        choice: as :func:`recexplainer.explanation.cases.read_selected` gives it.
        selected: the file of the choice, named in the error.
        path: the file of the cases, named in the error.

    Raises:
        InputError: the case is not among them.
    """
    if choice["case"] not in cases:
        raise InputError(f"{selected}: case {choice['case']!r} is not in {path}. Select the case again.")
    return cases[choice["case"]]


def how_chosen(choice: dict[str, str]) -> str:
    """Return the sentence of the caption that says how the case was chosen."""
    return f"The case was {choice['rule']}."


def make_panel(
    name: str,
    color: str,
    answer: Mapping[str, Any],
    case: Mapping[str, Any],
    catalogue: Catalogue,
    rating: int | None = None,
    note: str = "",
) -> Panel:
    """Check one explanation and lay it out.

    Args:
        name: the panel's heading.
        color: of its bar.
        answer: the row of the explanation, with ``text``, ``decision`` and ``finish``.
        case: the row of the case.
        catalogue: the items of the dataset.
        rating: the judge's, if there is one.
        note: what was asked beyond the common question.
    """
    text, decision = answer["text"], answer["decision"]
    right = agrees(decision, bool(case["label"]))
    checked = check(text, case, catalogue)
    return Panel(
        name=name,
        color=color,
        verdict=in_words(decision),
        right=right,
        rating=rating,
        runs=mark(text, checked.citations, decision_span(text, decision, right, read_decision)) if text.strip() else [],
        remarks=remarks(decision, right, checked.citations, checked.aspects, answer["finish"]),
        note=note,
    )
