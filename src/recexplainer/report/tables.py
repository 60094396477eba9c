"""Result tables as a reader wants them: numbers at sensible digits, an interval beside its value, names in words."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recexplainer import files
from recexplainer.style import system_label

HEADINGS = {
    "retrieval_hr5": "Retrieval H@5",
    "retrieval_ndcg5": "Retrieval N@5",
    "ranking_ndcg5": "Ranking N@5",
    "classification_acc": "Classification accuracy",
    "history_hcr": "Reconstruction HCR",
    "retrieval_constrained_hr5": "Held to catalogue H@5",
    "retrieval_constrained_ndcg5": "Held to catalogue N@5",
    "sparsity_percent": "sparsity, %",
    "usd": "USD",
    "n": "number",
    "words": "claim",
    "p_value": "p-value",
    "p_adjusted": "p-value, adjusted",
} | {f"{name}{k}": f"{label}@{k}" for name, label in (("hr", "H"), ("ndcg", "N")) for k in (5, 10, 20)}
"""What columns are called; of others the underscores become spaces."""

MARKS = {
    "within": "good",
    "supported": "good",
    "mixed": "mixed",
    "outside": "bad",
    "contradicted": "bad",
    "inconclusive": "unsure",
}
"""Verdicts that are marked with a colour and a sign beside their words, in the order in which they are counted."""


WORDS = {"True": "yes", "False": "no"}

REFERENCES = ("section", "where")
"""Columns whose numbers are names of places."""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the interval beside it ("" for none), and a mark of :data:`MARKS` or ""."""

    text: str
    note: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the headings, whether a column is of numbers, and the rows."""

    headings: list[str]
    numeric: list[bool]
    rows: list[list[Cell]]


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV of results; every value stays the text that it is.

    Raises:
        InputError: the file is missing or is not CSV.
    """
    return files.read_csv(path, dtype=str, keep_default_na=False)


def lay_out(frame: pd.DataFrame, names: dict[str, str], without: tuple[str, ...] = ()) -> Table:
    """Return the table of a frame of texts.

    Columns ``x_low`` and ``x_high`` become the interval of ``x``; so do ``low`` and ``high`` of ``ours``, ``mean`` or
    ``value``, whichever comes first.

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
    rows = []
    for row in frame.to_dict("records"):
        cells = []
        for name, number in zip(shown, numeric, strict=True):
            low, high = (row[end] for end in ends.get(name, ("", ""))) if name in ends else ("", "")
            note = f"{show_number(low)}–{show_number(high)}" if low and high else ""
            text = row[name]
            if number:
                text = show_number(text, probability=name.startswith("p_"))
            elif name in ("dataset", "method", "system", "mode"):
                text = names.get(text, text if name == "dataset" else system_label(text))
            text = WORDS.get(text, text)
            cells.append(Cell(text or "–", note, MARKS.get(text, "")))
        rows.append(cells)
    return Table([HEADINGS.get(name, name.replace("_", " ")) for name in shown], numeric, rows)


def side_by_side(frame: pd.DataFrame, names: dict[str, str], column: str = "value") -> pd.DataFrame:
    """Return a table of measures with one row per dataset and metric and one column, with its interval, per method.

    Args:
        frame: of :func:`read_csv`, with the columns ``dataset``, ``metric``, ``method``, and those below; others are
            left out.
        names: what a method is called.
        column: the one that is shown, with its ``_low`` and ``_high``.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in frame.to_dict("records"):
        start = {"dataset": row["dataset"], "metric": row["metric"].replace("_", " ")}
        found = rows.setdefault((row["dataset"], row["metric"]), start)
        name = names.get(row["method"], system_label(row["method"]))
        found |= {f"{name}{end}": row[f"{column}{end}"] for end in ("", "_low", "_high")}
    return pd.DataFrame(list(rows.values())).fillna("")


def _is_numeric(column: pd.Series) -> bool:
    filled = column[column != ""]
    return len(filled) > 0 and bool(pd.to_numeric(filled, errors="coerce").notna().all())


def show_number(text: str, probability: bool = False) -> str:
    """Return a number for the eye: four digits of a share, one of a large value, thousands apart; "" stays."""
    if not text:
        return ""
    value = float(text)
    if probability and value < 0.001:
        return "< 0.001"
    if value == int(value) and "." not in text and "e" not in text.lower():
        return f"{int(value):,}"
    digits = 1 if abs(value) >= 1000 else 2 if abs(value) >= 10 else 4
    return f"{value:,.{digits}f}"
