"""Which case the case figures show: the one asked for, or the one that tells the most by a fixed rule."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer.config.explanation import Selected
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import load_explanations
from recexplainer.files import write_json
from recexplainer.judgement.judgements import load_judgements
from recexplainer.style import judge_label, system_label

logger = logging.getLogger(__name__)

RULE = (
    "chosen by a rule, not at random: first the cases that {system} decides as the recommender does, of these the ones "
    "where {judge} rates {system} highest, then those where the ratings of the systems lie furthest apart, then those "
    "where they take the most different values, and of what is left the first"
)
ASKED = "named in the config"


@dataclass(frozen=True)
class Answers:
    """What the systems say of the cases, and what one judge says of that.

    Attributes:
        cases: the cases by their names, in the order of ``cases.parquet``.
        explanations: of each (case, system), the row of the explanation.
        systems: their names, in the order given.
        judge: the judge's name.
        ratings: of each (case, system) with a rating, 1 to 4; failed judgements are left out.
    """

    cases: dict[str, dict[str, Any]]
    explanations: dict[tuple[str, str], dict[str, Any]]
    systems: list[str]
    judge: str
    ratings: dict[tuple[str, str], int]


def cases_by_name(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read ``cases.parquet`` as rows by case, in its order.

    Raises:
        InputError: the file is missing or broken, has no case, or has one twice.
    """
    rows = load_cases(path)
    cases = {row["case"]: row for row in rows}
    if not rows or len(cases) != len(rows):
        raise InputError(f"{path}: {len(rows)} rows for {len(cases)} cases; expected one each. Choose the cases again.")
    return cases


def load_answers(*, cases: str | Path, explanations: list[str], systems: list[str], judgements: str | Path) -> Answers:
    """Read the cases, the systems' explanations and one judge's ratings.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        judgements: the judge's file.

    Raises:
        InputError: the files do not belong together, or one of them is missing or broken.
    """
    known = cases_by_name(cases)
    texts = load_explanations(explanations, systems, list(known.values()))
    rows = load_judgements(judgements)
    judges = sorted({row["judge"] for row in rows})
    if len(judges) != 1:
        raise InputError(f"{judgements}: judges {', '.join(judges) or 'none'}; expected one. Judge again.")
    return Answers(
        cases=known,
        explanations={(row["case"], system): row for system in systems for row in texts[system]},
        systems=systems,
        judge=judges[0],
        ratings={(row["case"], row["system"]): row["rating"] for row in rows if row["rating"] is not None},
    )


def agrees(decision: bool | None, label: bool) -> bool:
    """Return whether a text decides as the recommender does; an unreadable decision (null) does not."""
    return decision == label


def most_telling(answers: Answers, system: str) -> str:
    """Return the case that shows best how the systems differ, by the rule :data:`RULE`.

    A case without a rating of ``system`` comes after those with one; failed judgements of others are passed over.
    There is always an answer: if ``system`` is never right, the other criteria decide.
    """

    def merit(case: str) -> tuple[bool, int, int, int]:
        values = [answers.ratings[case, name] for name in answers.systems if (case, name) in answers.ratings]
        spread = max(values) - min(values) if values else 0
        right = agrees(answers.explanations[case, system]["decision"], bool(answers.cases[case]["label"]))
        return right, answers.ratings.get((case, system), 0), spread, len(set(values))

    # max() keeps the first of equals: the order of the cases decides the ties.
    return max(answers.cases, key=merit)


def select_case(
    *, cases: str, explanations: list[str], systems: list[str], judgements: str, settings: Selected, output: str
) -> None:
    """Choose the case of Figures 4 and 5 and write it down as JSON: ``case``, ``system``, ``judge`` and ``rule``.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        judgements: the file of the judge whose ratings decide.
        settings: ``case``, the one to show, or None for :func:`most_telling`; ``system``, the one that Figure 5
            shows and that the rule favours.
        output: the JSON to write.

    Raises:
        InputError: the case or the system does not exist, or a file is missing or broken.
    """
    answers = load_answers(cases=cases, explanations=explanations, systems=systems, judgements=judgements)
    system, case = settings.system, settings.case
    if system not in systems:
        raise InputError(f"settings: system {system!r} is not among {', '.join(systems)}. Name one of them.")
    if case is not None and case not in answers.cases:
        first, last = min(answers.cases), max(answers.cases)
        raise InputError(f"settings: case {case!r} is not in {cases}. Name one from {first} to {last}, or null.")
    chosen = most_telling(answers, system) if case is None else case
    rule = RULE.format(system=system_label(system), judge=judge_label(answers.judge)) if case is None else ASKED
    write_json(output, {"case": chosen, "system": system, "judge": answers.judge, "rule": rule})
    logger.info("case %s (%s)", chosen, "by rule" if case is None else ASKED)
