"""Result tables as a reader wants them: numbers at sensible digits, an interval beside its value, names in words."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recexplainer import files
from recexplainer.pages import verdict_mark
from recexplainer.paper.printed import between
from recexplainer.style import judge_label, system_label

HEADINGS = {
    "retrieval_hr5": "Retrieval HR@5\u00a0↑",
    "retrieval_ndcg5": "Retrieval NDCG@5\u00a0↑",
    "ranking_ndcg5": "Ranking NDCG@5\u00a0↑",
    "classification_acc": "Classification accuracy\u00a0↑ (chance 0.5)",
    "history_hcr": "History coverage\u00a0↑",
    "retrieval_constrained_hr5": "Retrieval in the catalogue HR@5\u00a0↑",
    "retrieval_constrained_ndcg5": "Retrieval in the catalogue NDCG@5\u00a0↑",
    "dataset": "Data set",
    "sparsity_percent": "Sparsity, %",
    "usd": "US dollars",
    "prompt_tokens": "Tokens sent",
    "completion_tokens": "Tokens received",
    "sd": "Standard deviation",
    "pointwise_ndcg5": "Candidate by candidate, NDCG@5\u00a0↑",
    "listed_ndcg5": "As listed, NDCG@5\u00a0↑",
    "gain_ndcg5": "More than listed",
    "pointwise_first": "First choice on top, candidate by candidate\u00a0↑",
    "listed_first": "First choice on top, as listed\u00a0↑",
    "seeds": "Alignments",
    "kept": "Decision kept, cases",
    "followed": "View followed, cases",
    "source": "Raters",
    "n": "n",
    "words": "Claim",
    "p_value": "p-value",
    "p_adjusted": "p-value, adjusted",
    "judge_a": "One judge",
    "judge_b": "The other",
    "rater_a": "One rater",
    "rater_b": "The other",
    "weighted_kappa": "Weighted kappa\u00a0↑",
    "krippendorff_alpha": "Krippendorff's alpha\u00a0↑",
    "spearman": "Rank correlation (Spearman)\u00a0↑",
    "kept_share": "Decision kept, share\u00a0↑",
    "followed_share": "View followed, share\u00a0↑",
    "as_recommender": "Decides as the recommender, share\u00a0↑",
    "controlled": "Kept and followed, share\u00a0↑",
    "unasked": "View taken unasked, share",
    "under_another": "View taken under another, share\u00a0↓",
    "viewpoint": "Point of view",
    "cases": "n",
    "agreement": "Equal ratings\u00a0↑",
} | {f"{name}{k}": f"{label}@{k}\u00a0↑" for name, label in (("hr", "HR"), ("ndcg", "NDCG")) for k in (5, 10, 20)}
"""What columns and measures are called; of others the underscores become spaces."""

VERDICTS = ("within", "supported", "mixed", "outside", "contradicted", "inconclusive", "synthetic", "not run")
"""The verdicts on numbers and claims, in the order in which they are counted."""


WORDS = {"True": "yes", "False": "no", "people": "people", "simulated": "simulated raters"}

REFERENCES = ("section", "where")
"""Columns whose numbers are names of places."""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the interval beside it ("" for none), and the class of a verdict's mark or ""."""

    text: str
    note: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the headings, whether a column is of numbers, and the rows, in parts under a heading each ("": none)."""

    headings: list[str]
    numeric: list[bool]
    parts: list[tuple[str, list[list[Cell]]]]


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV of results; every value stays the text that it is.

    Raises:
        InputError: the file is missing or is not CSV.
    """
    return files.read_csv(path, dtype=str, keep_default_na=False)


def lay_out(frame: pd.DataFrame, names: dict[str, str], without: tuple[str, ...] = ()) -> Table:
    """Return the table of a frame of texts.

    Columns ``x_low`` and ``x_high`` become the interval of ``x``; so do ``low`` and ``high`` of ``ours``, ``mean`` or
    ``value``, whichever comes first. Rows that have other names beside their data set's stand in a part for each.

    Args:
        frame: of :func:`read_csv`.
        names: what a dataset or a method is called; without an entry a system goes by :func:`system_label`.
        without: columns that are left out.
    """
    ends = {name: (f"{name}_low", f"{name}_high") for name in frame if {f"{name}_low", f"{name}_high"} <= {*frame}}
    if {"low", "high"} <= {*frame}:
        ends |= {name: ("low", "high") for name in [n for n in ("ours", "mean", "value") if n in frame][:1]}
    hidden = {end for pair in ends.values() for end in pair} | {*without}
    shown = [name for name in frame if name not in hidden]
    numeric = [name not in REFERENCES and _is_numeric(frame[name]) for name in shown]
    parted = "dataset" in shown and numeric.count(False) > 1
    if parted:
        numeric.pop(shown.index("dataset"))
        shown.remove("dataset")
    parts: dict[str, list[list[Cell]]] = {}
    for row in frame.to_dict("records"):
        cells = []
        for name, number in zip(shown, numeric, strict=True):
            low, high = (row[end] for end in ends.get(name, ("", ""))) if name in ends else ("", "")
            note = between(show_number(low), show_number(high)) if low and high else ""
            text = row[name]
            if number:
                text = show_number(text, probability=name.startswith("p_")).replace("-", "\u2212")
            elif name in ("dataset", "method", "system", "mode"):
                text = names.get(text, text if name == "dataset" else system_label(text))
            elif name in ("measure", "metric", "stage"):
                text = heading(text)
            elif text == "rubric":
                text = judge_label(text).removeprefix("the ")
            mark = text if name == "verdict" else ""
            text = WORDS.get(text, text)
            cells.append(Cell(text or "–", note, verdict_mark(mark)))
        own = row["dataset"] if parted else ""
        parts.setdefault(names.get(own, own), []).append(cells)
    return Table([heading(name) for name in shown], numeric, [*parts.items()])


def heading(name: str) -> str:
    """Return what a column or a measure is called."""
    return HEADINGS.get(name) or name.replace("_", " ").capitalize()


def _is_numeric(column: pd.Series) -> bool:
    filled = column[column != ""]
    return len(filled) > 0 and bool(pd.to_numeric(filled, errors="coerce").notna().all())


def show_number(text: str, probability: bool = False) -> str:
    """Return a number for the eye: three digits of a share, one of a large value, thousands apart; "" stays."""
    if not text:
        return ""
    value = float(text)
    if probability and value < 0.001:
        return "< 0.001"
    if value == int(value) and "." not in text and "e" not in text.lower():
        return f"{int(value):,}"
    digits = 1 if abs(value) >= 1000 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"
