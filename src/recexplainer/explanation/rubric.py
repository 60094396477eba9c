"""The offline judge: the four levels by checks alone (appendix A.2).

It needs no service and no human, and it cannot tell good reasons from plausible ones: it checks the decision, whether
the cited titles exist and belong to the case, and whether both aspects that the question asks for are there.
"""

import logging

from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.checker import Checked, check, load_catalogue
from recexplainer.explanation.judgements import write_judgements
from recexplainer.explanation.texts import load_explanations

logger = logging.getLogger(__name__)

NAME = "rubric"


def judge_by_rubric(cases: str, explanations: list[str], systems: list[str], items: str, output: str) -> None:
    """Rate the explanations of all systems and write one row per system and case.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        items: ``items.parquet``.
        output: the file to write.

    Raises:
        InputError: a file is missing or broken, or is of other cases.
    """
    chosen, catalogue = load_cases(cases), load_catalogue(items)
    rows = []
    for system, texts in load_explanations(explanations, systems, chosen).items():
        for case, text in zip(chosen, texts, strict=True):
            checked = check(text["text"], case, catalogue)
            # The decision as it was recorded: a refused or failed text has none, whatever its words.
            rating, reason = rate(Checked(text["decision"], checked.citations, checked.aspects), bool(case["label"]))
            rows.append(
                {
                    "case": case["case"],
                    "system": system,
                    "judge": NAME,
                    "rating": rating,
                    "reply": f"RATING-{rating}",
                    "attempts": 1,
                    "reason": reason,
                    "failed": False,
                }
            )
    write_judgements(output, rows)
    logger.info("%d judgements in %s", len(rows), output)


def rate(checked: Checked, label: bool) -> tuple[int, str]:
    """Return the level, 1 to 4, and the reason for it.

    1: the decision is wrong or unreadable. 2: it is right, but the text cites a title that is neither the history's nor
    the target's, or covers no aspect. 3: one aspect is covered. 4: both are.

    Args:
        checked: what was found in the text.
        label: the recommender's decision.
    """
    if checked.decision is None:
        return 1, "no decision can be read"
    if checked.decision != label:
        return 1, "the decision is wrong"
    made_up = [cited.title for cited in checked.citations if cited.kind == "nowhere"]
    if made_up:
        return 2, f"the decision is right, but no item is called {made_up[0]!r}"
    others = [cited.title for cited in checked.citations if cited.kind == "catalogue"]
    if others:
        return 2, f"the decision is right, but {others[0]!r} is neither in the history nor the target"
    missing = [name for name, there in checked.aspects.items() if not there]
    if len(missing) == len(checked.aspects):
        return 2, "the decision is right, but there are no reasons"
    if missing:
        return 3, f"the decision is right; the reasons lack {missing[0]}"
    return 4, "the decision is right; the reasons cover the patterns and the consistency"
