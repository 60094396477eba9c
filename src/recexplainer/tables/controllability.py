"""Controllability as a number: what figure 5 shows of one case, over many, beside controls (section 3.5.2).

The paper tells an aligned LLM to explain from a point of view, and says that its decision stays while its reasons
follow the instruction. Of each system two shares are counted: of the cases in which the decision is the same under each
point of view as without one, and of those in which the text speaks of the point of view that was asked for and of no
other. Either is easy to have alone: who always says the same keeps every decision, so the share that counts is of the
cases in which both hold under each point of view. Texts that do not hear the question stand beside the systems and must
lose: the system's own text without a point of view, its text under another one, the controls, and one that names a
value of every point of view.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recexplainer.checking.checker import load_catalogue
from recexplainer.checking.viewpoints import Viewpoints
from recexplainer.checking.words import Catalogue
from recexplainer.config.explanation import Controlled
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import explanation, load_explanations, load_viewpoints
from recexplainer.explanation.viewpoint_cases import draw_viewpoint_cases
from recexplainer.files import write_csv
from recexplainer.systems import CONTROLS

logger = logging.getLogger(__name__)

EACH = "each"
"""The row of a system in which a thing has to hold under each point of view."""

BOTH = "control-both"
"""The control that speaks of every point of view, whichever is asked for."""

SHARES = ("kept_share", "as_recommender", "followed_share", "controlled")
COLUMNS = [
    *("dataset", "system", "viewpoint", "cases", "kept", "followed"),
    *(name + end for name in SHARES for end in ("", "_low", "_high")),
    *("unasked", "under_another"),
]
"""The columns of ``controllability.csv``; see :func:`controllability`."""


@dataclass(frozen=True)
class Said:
    """What a text decides (None: unreadable), and of which points of view it speaks (None: it cannot be told)."""

    decision: bool | None
    spoken: frozenset[str] | None


@dataclass(frozen=True)
class Heard:
    """One case of one system.

    Attributes:
        label: what the recommender decides.
        plain: the text without a point of view.
        told: by point of view the text that was told to take it.
    """

    label: bool
    plain: Said
    told: Mapping[str, Said]

    def holds(self, view: str) -> dict[str, bool | None]:
        """Return what holds under one point of view; None where it cannot be told."""
        views = list(self.told)
        own, other = self.told[view], self.told[views[(views.index(view) + 1) % len(views)]]
        kept, followed = own.decision is not None and own.decision == self.plain.decision, _alone(own, view)
        return {
            "kept": kept,
            "as_recommender": own.decision == self.label,
            "followed": followed,
            "controlled": None if followed is None else kept and followed,
            "unasked": _alone(self.plain, view),
            "under_another": _alone(other, view) if len(views) > 1 else None,
        }

    def holds_under_each(self) -> dict[str, bool | None]:
        """Return what holds under each point of view."""
        per_view = [self.holds(view) for view in self.told]
        return {
            name: None if any(one[name] is None for one in per_view) else all(one[name] for one in per_view)
            for name in per_view[0]
        }


def _alone(said: Said, view: str) -> bool | None:
    return None if said.spoken is None else said.spoken == {view}


def controllability(
    *,
    run_names: Sequence[str],
    cases: Sequence[str],
    items: Sequence[str],
    explanations: Sequence[str],
    rows: Sequence[Sequence[str]],
    viewpoints: Sequence[str],
    viewpoint_rows: Sequence[Sequence[str]],
    settings: Controlled,
    output: str,
) -> None:
    """Write ``controllability.csv``: a row per dataset, system and point of view, and one for :data:`EACH` of them.

    ``kept`` of ``cases`` decisions were the same as without the point of view (``kept_share``), ``as_recommender`` is
    the share that are the recommender's. ``followed`` texts speak of the point of view that was asked for and of no
    other (``followed_share``); ``unasked`` is the share of the system's texts without a point of view that do so, and
    ``under_another`` that of its texts under the next one. In ``controlled`` the decision is kept and the text follows.
    ``_low`` and ``_high`` end Wilson's 95 % intervals: each case is of another user.

    Args:
        run_names: of the datasets.
        cases, items: ``cases.parquet`` and ``items.parquet`` of each.
        explanations: the texts without a point of view, one file per dataset and system, the controls among them.
        rows: dataset and system of each.
        viewpoints: the texts from the points of view, of the systems that have been asked.
        viewpoint_rows: dataset and system of each.
        settings: the points of view that were asked for, how many cases, and the words of each. Where one has no words,
            what the texts speak of is left empty.
        output: the CSV to write.

    Raises:
        InputError: a file is missing or broken, or the files do not belong together.
    """
    texts_of = {tuple(row) for row in rows}
    for name, row in [("rows", row) for row in rows] + [("viewpoint-rows", row) for row in viewpoint_rows]:
        if row[0] not in run_names or tuple(row) not in texts_of:
            raise InputError(f"--{name}: {list(row)}; expected a dataset of --run-names, and a system of its --rows.")
    table: list[dict[str, Any]] = []
    for dataset, case_file, item_file in zip(run_names, cases, items, strict=True):
        every = load_cases(case_file)
        chosen = draw_viewpoint_cases(every, settings.viewpoint_cases)
        if not chosen:
            raise InputError(f"{case_file}: no case; expected at least one. Choose the cases again.")
        own = [(path, system) for path, (name, system) in zip(explanations, rows, strict=True) if name == dataset]
        texts = load_explanations([path for path, _ in own], [system for _, system in own], every)
        told = {
            system: _told(path, chosen, settings.viewpoints)
            for path, (name, system) in zip(viewpoints, viewpoint_rows, strict=True)
            if name == dataset
        }
        plain = {system: {row["case"]: row for row in dataset_rows} for system, dataset_rows in texts.items()}
        dataset_rows = _of_dataset(chosen, plain, told, load_catalogue(item_file), settings)
        table += [{"dataset": dataset} | row for row in dataset_rows]
    frame = pd.DataFrame(table, columns=COLUMNS).astype({"followed": "Int64"})
    write_csv(output, frame.round(4))
    logger.info("%d rows in %s", len(frame), output)


def _told(path: str, chosen: Sequence[dict[str, Any]], views: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the texts of a system by case and point of view; the file may have those of further cases."""
    by_view = {(row["case"], row["viewpoint"]): row for row in load_viewpoints(path)}
    for case in chosen:
        for view in views:
            if (case["case"], view) not in by_view:
                raise InputError(f"{path}: no text for case {case['case']!r} from {view!r}. Explain the cases again.")
    return by_view


def _of_dataset(
    chosen: Sequence[dict[str, Any]],
    plain: Mapping[str, Mapping[str, dict[str, Any]]],
    told: Mapping[str, Mapping[tuple[str, str], dict[str, Any]]],
    catalogue: Catalogue,
    settings: Controlled,
) -> list[dict[str, Any]]:
    """Return the rows of a dataset, the systems that have been asked first, then the controls.

    Args:
        chosen: the cases that count.
        plain: per system and case, the text without a point of view.
        told: per system that has been asked, the text by case and point of view.
        catalogue: the items.
        settings: as of :func:`controllability`.
    """
    views, words = settings.viewpoints, settings.viewpoint_words
    reader = None
    if set(views) <= set(words):
        reader = Viewpoints({view: words[view] for view in views}, catalogue)
    else:
        lacking = [view for view in views if view not in words]
        logger.warning("explanation.viewpoint_words lacks %s: of what texts speak is left empty", ", ".join(lacking))

    def said(row: Mapping[str, Any], case: dict[str, Any]) -> Said:
        return Said(row["decision"], reader.spoken_of(row["text"] or "", case) if reader else None)

    result: list[dict[str, Any]] = []
    for system, texts in plain.items():
        if system in told:
            heard = [
                Heard(
                    bool(case["label"]),
                    said(texts[case["case"]], case),
                    {view: said(told[system][case["case"], view], case) for view in views},
                )
                for case in chosen
            ]
        elif system in CONTROLS:
            heard = [_deaf(case, said(texts[case["case"]], case), views) for case in chosen]
        else:
            continue
        result += [{"system": system} | row for row in _rows(heard, views)]
    coins = next((plain[name] for name in CONTROLS if name in plain), None)
    if reader and coins:
        heard = [
            _deaf(case, said(_of_both(case, coins[case["case"]]["decision"], reader, catalogue), case), views)
            for case in chosen
        ]
        result += [{"system": BOTH} | row for row in _rows(heard, views)]
    return result


def _deaf(case: dict[str, Any], text: Said, views: Sequence[str]) -> Heard:
    """Return a case of somebody who says the same whatever is asked."""
    return Heard(bool(case["label"]), text, dict.fromkeys(views, text))


def _of_both(case: dict[str, Any], yes: bool, reader: Viewpoints, catalogue: Catalogue) -> dict[str, Any]:
    """Return a text that names a value of every point of view, one of the case's own if there is one."""
    own = {
        fact
        for title in (*case["history"], case["title"])
        for facts in catalogue.own_facts.get(title, {}).values()
        for fact in facts
    }
    named = [min(values & own or values) for values in reader.values.values() if values]
    what = " and ".join(" ".join(fact) for fact in named)
    return explanation(case, "", f"{'Yes' if yes else 'No'}. The choices and the item are about {what}.", "stop")


def _rows(heard: Sequence[Heard], views: Sequence[str]) -> list[dict[str, Any]]:
    """Return the row of each point of view and of all of them, for the cases of one system."""
    holding = {view: [case.holds(view) for case in heard] for view in views}
    holding[EACH] = [case.holds_under_each() for case in heard]
    rows = []
    for view, cases in holding.items():
        counts: dict[str, Any] = {
            name: None if any(case[name] is None for case in cases) else sum(bool(case[name]) for case in cases)
            for name in cases[0]
        }
        row = {"viewpoint": view, "cases": len(cases), "kept": counts["kept"], "followed": counts["followed"]}
        of = {"kept_share": "kept", "followed_share": "followed"}
        for name in SHARES:
            row |= _share(name, counts[of.get(name, name)], len(cases))
        for name in ("unasked", "under_another"):
            row[name] = None if counts[name] is None else counts[name] / len(cases)
        rows.append(row)
    return rows


def _share(name: str, count: int | None, cases: int) -> dict[str, float]:
    """Return a share and the ends of Wilson's 95 % interval; {} where it is not known."""
    from scipy.stats import binomtest

    if count is None:
        return {}
    ends = binomtest(count, cases).proportion_ci(method="wilson")
    return {name: count / cases, f"{name}_low": float(ends.low), f"{name}_high": float(ends.high)}
