"""The offline judge: the four levels by checks alone (appendix A.2).

It needs no service and no human: it checks the decision, whether the cited titles exist, belong to the case and are
cited as what they are, and whether the item is named, a pattern of the history that the metadata bears out, and a
consistency that agrees with the verdict. It cannot tell whether these reasons are the recommender's, nor whether a
reader is convinced: a text that tosses a coin for the verdict and names, for either one, what the metadata bears out
would be right in half of the cases, and rated as high as an honest one in these. Whether the named items matter to the
recommender is measured by faithfulness, not here. Where the metadata shares nothing within a history, it cannot tell a
pattern, and no text about it is rated 4.
"""

import logging
from dataclasses import replace

from recexplainer.checking.checker import Checked, check, load_catalogue
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import load_explanations
from recexplainer.judgement.judgements import write_judgements

logger = logging.getLogger(__name__)

NAME = "rubric"

PARTS = {
    "item": "the item",
    "patterns": "a pattern of the history that the metadata bears out",
    "consistency": "a consistency that agrees with the verdict",
}
"""What the reasons need, in words."""

SAID = {"history": "in the history, as the text says", "target": "the item in question, as the text says"}
UNTOLD = "Whether they are the recommender's reasons, it cannot tell"


def judge_by_rubric(*, cases: str, explanations: list[str], systems: list[str], items: str, output: str) -> None:
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
            rating, reason = rate(replace(checked, decision=text["decision"]), bool(case["label"]))
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
    the target's, says of one that it is in the history or the item in question when it is not, or says of it what its
    metadata refutes; or it is a No whose facts are all common to the item and the history; or two of the three things
    below are missing. 3: one of them is missing. 4: all are there: the item is named, a pattern of the history that the
    metadata bears out, and a consistency that agrees with the verdict.

    Args:
        checked: what was found in the text.
        label: the recommender's decision.
    """
    if checked.decision is None:
        return 1, "no decision can be read"
    if checked.decision != label:
        return 1, "the decision is wrong"
    if errors := _errors(checked):
        return 2, f"the decision is right, but {errors[0]}"
    if checked.in_common:
        return 2, f"the decision is right, but {checked.in_common!r}, which both have, is no reason for a No"
    missing = [shown for name, shown in PARTS.items() if not checked.aspects[name]]
    if checked.aspects["patterns"] is None:
        missing[missing.index(PARTS["patterns"])] = "a pattern, which the metadata of this history cannot bear out"
    if len(missing) == len(PARTS):
        return 2, "the decision is right, but there are no reasons"
    if len(missing) > 1:
        return 2, f"the decision is right; the reasons lack {' and '.join(missing)}"
    if missing:
        return 3, f"the decision is right; the reasons lack {missing[0]}"
    return 4, f"the decision is right; the text passes these checks: {', '.join(PARTS.values())}. {UNTOLD}"


def _errors(checked: Checked) -> list[str]:
    """Return what is wrong about the cited titles, in words, the worst first."""
    cited = checked.citations
    errors = [f"no item is called {one.title!r}" for one in cited if one.kind == "nowhere"]
    errors += [f"{one.title!r} is neither in the history nor the target" for one in cited if one.kind == "catalogue"]
    errors += [f"{one.title!r} is not {SAID[one.role]}" for one in cited if one.error == "role"]
    errors += [f"{one.title!r} is said to be {one.claim!r}, which it is not" for one in cited if one.error == "fact"]
    return errors
