"""The gallery: of every system the explanation that passes the most checks, and the one that passes the fewest."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.explanation.texts import load_explanations
from recexplainer.faithfulness.records import read_records
from recexplainer.figures.case_view import in_words
from recexplainer.figures.select import cases_by_name
from recexplainer.style import system_colors, system_label

RULE = (
    "Of each system the text that passes the largest and the one that passes the smallest share of the checks that "
    "apply to it. Of equals, the text whose cited items matter most to the recommender beyond as many others (least, "
    "for the bad example), then the first case."
)


def checks(record: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return the checks that apply to a text, in words, and whether it passes.

    Args:
        record: its row of the faithfulness stage.
    """
    checked = [("decides as the recommender", _same(record["decision"], record["label"]))]
    if not pd.isna(record["own_decision"]):
        checked.append(("decides as its author classifies", _same(record["decision"], record["own_decision"])))
    others = record["cited_catalogue"] + record["cited_nowhere"]
    checked.append(("cites the history as what it is, and nothing else", bool(record["cited_history"] and not others)))
    checked.append(("says nothing of an item that is wrong", not _wrong(record)))
    if not pd.isna(record["effect_rank"]):
        rivals = ("effect_by_chance", "effect_by_newest", "effect_by_similar")
        more = all(record["effect"] > record[name] for name in rivals)
        checked.append(("cites items that matter more than the newest, the most similar and random ones", more))
    if not pd.isna(record["foreseen"]):
        checked.append(("lets a reader foresee another decision", bool(record["foreseen"] > 0.5)))
    return checked


def gallery(
    *, cases: str, explanations: Sequence[str], systems: Sequence[str], records: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the good and the bad example of each system, by :data:`RULE`; the page escapes their texts.

    Args:
        cases: ``cases.parquet`` of a dataset.
        explanations: one file per system.
        systems: their names, in the same order.
        records: what the faithfulness stage says of them, in the same order.

    Raises:
        InputError: a file is missing or broken, or the files are not of the same cases.
    """
    if len(records) != len(systems):
        raise InputError(f"--records: {len(records)} files for {len(systems)} systems; expected one each.")
    known = list(cases_by_name(cases).values())
    texts = load_explanations(list(explanations), list(systems), known)
    colors = system_colors(systems)
    result = []
    for system, path in zip(systems, records, strict=True):
        rows = read_records(path).to_dict("records")
        if [row["case"] for row in rows] != [case["case"] for case in known]:
            raise InputError(f"{path}: other cases than in {cases}. Measure the faithfulness again.")
        ranks = [_merit(row) for row in rows]
        # min and max keep the first of equals.
        for good, choose in ((True, max), (False, min)):
            place = choose(range(len(rows)), key=ranks.__getitem__)
            case, said, record = known[place], texts[system][place], rows[place]
            result.append(
                {
                    "system": system_label(system),
                    "color": colors[system],
                    "good": good,
                    "case": case["case"],
                    "history": list(case["history"]),
                    "target": case["title"],
                    "label": in_words(bool(case["label"])),
                    "verdict": in_words(said["decision"]),
                    "right": _same(said["decision"], case["label"]),
                    "text": said["text"],
                    "checks": checks(record),
                    "numbers": _numbers(record),
                }
            )
    return result


def _merit(record: Mapping[str, Any]) -> tuple[float, float]:
    """Return the share of the checks that a text passes, and how much more its items matter than others."""
    passed = [there for _, there in checks(record)]
    beyond = 0.0 if pd.isna(record["effect"]) else record["effect"] - record["effect_by_chance"]
    return sum(passed) / len(passed), beyond


def _numbers(record: Mapping[str, Any]) -> list[str]:
    """Return what was measured, in words."""
    lines = [
        f"Cited titles: {record['cited_history']} of the history, {record['cited_catalogue']} of other items, "
        f"{record['cited_nowhere']} of no item; wrong statements: {_wrong(record)}"
    ]
    if not pd.isna(record["effect"]):
        lost, others = (f"{record[name]:.2f}".replace("-", "\u2212") for name in ("effect", "effect_by_chance"))
        lines.append(
            f"without the cited items the decision loses {lost} standard deviations of support, without as many others "
            f"{others}"
        )
    if not pd.isna(record["foreseen"]):
        lines.append(f"the reader's two other items: {record['offered']} (offered) and {record['refused']} (not)")
    return lines


def _wrong(record: Mapping[str, Any]) -> int:
    """Return how many statements on items are wrong, so far as the metadata tells."""
    return record["wrong_roles"] + record["wrong_facts"]


def _same(first: bool | None, second: bool) -> bool:
    """Return whether a decision is another one; an unreadable one (null) is none."""
    return not pd.isna(first) and bool(first) == bool(second)
