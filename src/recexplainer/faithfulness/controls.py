"""Controls: texts that explain nothing, as systems of their own, and what a system has over the best of them.

Words alone can please a measure: whoever cites what was bought last, copies the history or always says the same gets
some of it right, without a look at the recommender. Three controls know the prompt alone and toss a coin for the
verdict; so does one that looks up in the metadata a genre which the item and the history share; the last shows for
each case what a system said of another one. A measure speaks for a system only where it is above all of them.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recexplainer.data.tags import tag_lists, telling
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import explanation, load_explanations, write_explanations
from recexplainer.files import read_parquet
from recexplainer.seeds import make_rng
from recexplainer.systems import CONTROLS

logger = logging.getLogger(__name__)

NEWEST = 3
"""Items that the control cites which cites the newest ones; fewer where the history has no more than these."""


def is_control(system: str) -> bool:
    """Return whether a system is one of the controls."""
    return system in CONTROLS


def write_controls(
    *,
    cases: str,
    explanations: list[str],
    systems: list[str],
    items: str,
    controls: list[str],
    seed: int,
    outputs: list[str],
) -> None:
    """Write the explanations of some controls, one file each.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        items: ``items.parquet``.
        controls: of :data:`recexplainer.systems.CONTROLS`.
        seed: of the coins and of the shuffling.
        outputs: one file per control, in the same order.

    Raises:
        InputError: a file is missing or broken or of other cases, or a control is unknown.
    """
    unknown = [name for name in controls if not is_control(name)]
    if unknown or len(outputs) != len(controls):
        raise InputError(f"--controls: {controls} for {len(outputs)} files; expected one each, of {list(CONTROLS)}.")
    chosen = load_cases(cases)
    rows = control_rows(chosen, load_explanations(explanations, systems, chosen), _tags(items), seed)
    for name, path in zip(controls, outputs, strict=True):
        write_explanations(path, rows[name])
    logger.info("%d cases of %d controls in %s", len(chosen), len(controls), Path(outputs[0]).parent)


def _tags(items: str) -> dict[str, tuple[str, ...]]:
    """Return the tags of each title that not most items have."""
    frame = read_parquet(items, ["title", "tags"])
    return dict(zip(frame["title"], telling(tag_lists(list(frame["tags"]))), strict=True))


def control_rows(
    cases: Sequence[dict[str, Any]],
    texts: dict[str, list[dict[str, Any]]],
    tags: Mapping[str, Sequence[str]],
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return, per control, one explanation per case.

    Args:
        cases: the rows of ``cases.parquet``.
        texts: per system, the rows of its explanations, from which the shuffled ones are taken.
        tags: of each title.
        seed: of the coins and of the shuffling.
    """
    result: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTROLS}
    for case, said in zip(cases, _of_another_case(cases, texts, seed), strict=True):
        yes = bool(make_rng(seed, "coin", case["case"]).random() < 0.5)
        answer, history = "Yes" if yes else "No", case["history"]
        newest = history[-min(NEWEST, max(1, len(history) - 1)) :]
        fits = "is" if yes else "is not"
        genre = _common_tag(case, tags)
        suits = "fits" if yes else "does not fit"
        by_name = {
            "control-newest": f"{answer}. The history holds {'; '.join(newest)}.",
            "control-copy": f"{answer}. The history holds {'; '.join(history)}.",
            "control-template": f"{answer}. {case['title']} {fits} in line with what the user has chosen before.",
            "control-genre": f"{answer}. The user's choices have {genre}, and {case['title']} {suits} that."
            if genre
            else f"{answer}. {case['title']} {suits} what the user has chosen before.",
        }
        for name, text in by_name.items():
            result[name].append(explanation(case, "", text, "stop"))
        # Its verdict is the other case's, as it was recorded.
        row = explanation(case, "", said["text"] or "", said["finish"])
        result["control-shuffled"].append(row | {"decision": said["decision"]})
    return result


def _common_tag(case: dict[str, Any], tags: Mapping[str, Sequence[str]]) -> str:
    """Return the tag of the item that most items of the history have; "" if none has one."""
    had = Counter(tag for title in case["history"] for tag in tags.get(title, ()))
    return max((tag for tag in tags.get(case["title"], ()) if had[tag]), key=lambda tag: had[tag], default="")


def _of_another_case(
    cases: Sequence[dict[str, Any]], texts: dict[str, list[dict[str, Any]]], seed: int
) -> list[dict[str, Any]]:
    """Return for each case what a system says of another user's case; system and case are drawn.

    Where all cases are of one user, the text is of any case.
    """
    rng = make_rng(seed, "shuffle")
    users = np.array([int(case["user"]) for case in cases])
    systems = list(texts)
    result = []
    for user in users:
        others = np.flatnonzero(users != user)
        pool = others if len(others) else np.arange(len(users))
        system, place = rng.random(2)
        result.append(texts[systems[int(system * len(systems))]][int(pool[int(place * len(pool))])])
    return result


def over_best(
    gain: tuple[float, np.ndarray], controls: dict[str, tuple[float, np.ndarray]]
) -> tuple[str, float, np.ndarray] | None:
    """Return the best control, how far a system is above it, and the same in each resample.

    In each resample the best is chosen anew, so the interval knows that it is the best of several.

    Args:
        gain: of the system over all cases, and (resamples,) over the cases of each resample.
        controls: per control, the same over the same cases.

    Returns:
        None where no control has the measure.
    """
    known = {name: values for name, values in controls.items() if not np.isnan(values[0])}
    if not known:
        return None
    best = max(known, key=lambda name: known[name][0])
    sampled = np.stack([values for _, values in known.values()])
    # A resample without a case that counts has no best control.
    highest = np.where(np.isnan(sampled).all(axis=0), np.nan, np.where(np.isnan(sampled), -np.inf, sampled).max(axis=0))
    return best, gain[0] - known[best][0], gain[1] - highest


def verdict(low: float | None) -> str:
    """Return ``yes`` where the whole interval over the best control is above zero, else ``no``; "" without one."""
    return "" if low is None or np.isnan(low) else "yes" if low > 0 else "no"


def in_a_sentence(table: pd.DataFrame, name: Callable[[str], str]) -> str:
    """Return what ``faithfulness.csv`` says of the reasons of the aligned modes beside the controls; "" if nothing.

    Args:
        table: with the columns ``dataset``, ``method``, ``metric``, ``kind`` and ``better_than_words``, as texts.
        name: gives what a method is called.
    """
    if not {"method", "metric", "kind", "better_than_words"} <= {*table}:
        return ""
    modes = table["method"].str.fullmatch("(behavior|intention|hybrid)(-reasons)?")
    judged = table[modes & (table["kind"] == "reasons") & (table["better_than_words"] != "")]
    if not len(judged):
        return ""
    count = len(judged[["dataset", "metric"]].drop_duplicates())
    measures = f"{count} measure{'s' if count > 1 else ''} of reasons"
    better = judged[judged["better_than_words"] == "yes"]
    if not len(better):
        return (
            f"No mode's reasons are better than words alone: of {measures}, none puts a mode above texts that explain "
            "nothing by more than chance."
        )
    wins = [
        f"{name(method)} on {int((better['method'] == method).sum())}" for method in dict.fromkeys(judged["method"])
    ]
    return f"Reasons that are better than words alone, of {measures}: {', '.join(wins)}."
