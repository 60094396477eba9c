"""The measures of faithfulness as readers know them: a block per data set, a row and a line of meaning per measure."""

from collections.abc import Mapping, Sequence

import pandas as pd

from recexplainer.paper.printed import Block, Cell, PrintedTable
from recexplainer.style import system_label
from recexplainer.systems import CONTROLS

MEASURES = {
    "counterfactual_effect": (
        "Effect of the cited items\u00a0↑",
        "What the decision loses when they are taken out of the history, in standard deviations of the scores.",
    ),
    "counterfactual_rank": (
        "Rank of the cited items\u00a0↑",
        "Share of the other choices of as many items of the history that matter less.",
    ),
    "coherence_spearman": (
        "Score read from the text, rank correlation\u00a0↑",
        "How well a regressor that reads the text, its verdict masked, orders the recommender's scores.",
    ),
    "coherence_r2": (
        "Score read from the text, R²\u00a0↑",
        "What share of the variance of the recommender's scores it explains.",
    ),
    "simulatability": (
        "A reader foresees the recommender\u00a0↑",
        "How often a reader of the text says which of two other items the recommender would offer.",
    ),
    "decision_as_recommender": ("Decides as the recommender\u00a0↑", "Share with the recommender's verdict."),
    "decision_as_itself": ("Decides as it classifies\u00a0↑", "Share of the texts with the same LLM's own yes or no."),
    "grounding_history": ("Cited titles in the history\u00a0↑", "Share of the titles cited beside the target."),
    "grounding_catalogue": ("Cited titles of other items\u00a0↓", "Share in the catalogue alone."),
    "grounding_nowhere": ("Cited titles of no item\u00a0↓", "Share that is made up."),
    "cites_history": ("Cites the history", "Share of the texts that cite a title of it at all."),
    "wrong_statements": (
        "Texts with a wrong statement\u00a0↓",
        "An item that is not where it is said to be, or a genre, platform or brand that its metadata refutes.",
    ),
    "distinction": ("Recognised by a classifier", "Share of the system's texts; whoever says one line is recognised."),
    "masked_verdict": (
        "Verdict told after masking\u00a0↓",
        "How often; the scores read from the text and the classifier are to be seen beside it.",
    ),
}
"""What each measure is called, with an arrow in the better direction if there is one, and what it says."""

HEADINGS = {
    "value": "The small numbers are 95 % intervals (bootstrap over users), and what one gets without the explanation.",
    "over_control": "The small numbers are 95 % intervals (bootstrap over users).",
}


def measures_table(
    frame: pd.DataFrame, names: Mapping[str, str], column: str = "value", methods: Sequence[str] | None = None
) -> PrintedTable:
    """Return a table of measures: a block per data set, a row per measure, a column per method.

    Bold is what is better than words alone; in ``value`` each number has its reference beside it. Measures that nobody
    has are left out, and so are columns of the file that this knows nothing of.

    Args:
        frame: ``faithfulness.csv``, as texts.
        names: what data sets and methods are called.
        column: ``value`` or ``over_control``.
        methods: which columns there are, in order; None for all that have a number, controls last.
    """
    filled = frame[frame[column] != ""]
    if methods is None:
        filled_in = {*filled["method"]}
        ordered = [method for method in dict.fromkeys(frame["method"]) if method in filled_in]
        methods = sorted(ordered, key=lambda one: one in CONTROLS)
    blocks = []
    for dataset in dict.fromkeys(filled["dataset"]):
        own = filled[filled["dataset"] == dataset]
        cells = {(row["metric"], row["method"]): row for row in own.to_dict("records")}
        there = dict.fromkeys(own["metric"])
        order = [name for name in MEASURES if name in there] + [name for name in there if name not in MEASURES]
        rows = []
        for metric in order:
            name, meaning = MEASURES.get(metric, (metric.replace("_", " ").capitalize(), ""))
            shown = [_cell(cells.get((metric, method)), column) for method in methods]
            rows.append([Cell(name, note=meaning), *shown])
        cases = sorted({int(row["cases"]) for row in cells.values() if row.get("cases")})
        n = "" if not cases else f", n = {cases[-1]}" if len(cases) == 1 else f", n up to {cases[-1]}"
        blocks.append(Block(f"{names.get(dataset, dataset)}{n}", rows))
    labels = [names.get(method, system_label(method)) for method in methods]
    caption = f"{HEADINGS[column]} Bold: better than words alone, the whole interval over the best control above zero."
    return PrintedTable(caption, "faithfulness", ["Measure", *labels], blocks)


def _cell(row: Mapping[str, str] | None, column: str) -> Cell:
    if row is None:
        return Cell("–")
    low, high = (row.get(f"{column}_{end}", "") for end in ("low", "high"))
    interval = (_shown(low), _shown(high)) if low and high else None
    beside = row.get("reference", "") if column == "value" else ""
    mark = "best" if row.get("better_than_words") == "yes" else ""
    return Cell(
        _shown(row[column]), interval, mark, more=f"without: {_shown(beside)}".replace("-", "\u2212") if beside else ""
    )


def _shown(text: str) -> str:
    return f"{float(text):.3f}"
