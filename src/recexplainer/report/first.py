"""The first screen of the report: what was found, in a sentence, and when and with what it was found."""

from datetime import UTC, datetime
from pathlib import Path

from recexplainer.csv_rows import read_rows
from recexplainer.duration import in_words
from recexplainer.paper.numbers import number
from recexplainer.report.costs import read_job
from recexplainer.style import system_label

HALF = 0.5
"""What chance gets of the items that the recommender would and would not offer: as many are asked for of both."""

FIRST = ("hybrid", "intention", "behavior")
"""Whose result is the headline: the paper's best mode, or the next one that was run."""


def headline(table2: str, names: dict[str, str]) -> str:
    """Return in a sentence how often the aligned LLM agrees with the recommender, beside chance; "" without a number.

    Which mode it is about is fixed by :data:`FIRST`, not chosen by its result.

    Args:
        table2: the CSV of table 2.
        names: what a dataset is called.

    Raises:
        InputError: the file is missing or broken.
    """
    column = "classification_acc"
    rows = read_rows(table2, ["dataset", "method", column, f"{column}_low", f"{column}_high", "classification_cases"])
    there = {row["method"] for row in rows if row[column]}
    method = next((one for one in FIRST if one in there), None)
    parts = []
    for row in (row for row in rows if row["method"] == method and row[column]):
        value, low, high, cases = (
            number(row[name], table2, f"{row['dataset']} {method} {name}")
            for name in (column, f"{column}_low", f"{column}_high", "classification_cases")
        )
        ends = "" if low is None or high is None else f"95 % interval {100 * low:.1f} to {100 * high:.1f} %, "
        ends += f"n = {cases:,.0f}" if cases is not None else ""
        assert value is not None  # the cell is filled
        shown = names.get(row["dataset"], row["dataset"])
        parts.append(f"{100 * value:.1f} % of the items of {shown} ({ends.strip(', ')}{_beside_chance(low, high)})")
    if method is None or not parts:
        return ""
    listed = "; ".join(parts)
    return f"{system_label(method)} agrees with the recommender on {listed}. Chance agrees on 50 %."


def _beside_chance(low: float | None, high: float | None) -> str:
    """Return how an interval lies beside :data:`HALF`, where that is not the better side."""
    if low is None or high is None or low > HALF:
        return ""
    return "; no better than chance" if high >= HALF else "; below chance"


def when(benchmarks: str | Path) -> tuple[str, str]:
    """Return the day of a run's last job, and for how long at least one job ran, in words; "" for both without a job.

    A job ends when its benchmark file is written. Pauses count for nothing, and jobs side by side count once.

    Args:
        benchmarks: the folder of Snakemake's benchmark files, checked by :func:`recexplainer.report.costs.read_costs`.
    """
    spans = []
    for path in sorted(Path(benchmarks).rglob("*.tsv")):
        seconds, end = read_job(path)[0], path.stat().st_mtime
        spans.append((end - seconds, end))
    if not spans:
        return "", ""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d"), in_words(total)
