"""A comparison of runs as text, for a terminal."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from recexplainer.comparison.claims import ALONE, OPPOSITE, OTHER, SAME
from recexplainer.comparison.compare import COLUMNS, COMPARED, Comparison
from recexplainer.errors import one_line

SHOWN = 20
"""Lines of one kind, of each run; the page and the CSV have all."""


def in_words(comparison: Comparison) -> str:
    """Return lines for what differs or is missing, notes, counts, and the verdict as the last one."""
    lines = []
    for run in comparison.runs[1:]:
        rows, claims = (
            comparison.rows[comparison.rows["run"] == run],
            comparison.claims[comparison.claims["run"] == run],
        )
        lines += _shortened([_differing(row, comparison.runs[0]) for row in _with(rows, "verdict", "differs")])
        lines += _shortened([_opposite(row, comparison.runs[0]) for row in _with(claims, "agreement", OPPOSITE)])
        missing = rows[rows["verdict"] == "missing"].groupby(["table", "dataset", "system"], sort=False)
        lines += _shortened(
            f"missing: {_named(*key)}: {len(group)} numbers of {comparison.runs[0]} are not in {run}"
            for key, group in missing
        )
    lines += [f"note: {note}" for note in comparison.notes]
    lines += [_claims(comparison.claims)] if len(comparison.claims) else []
    if len(comparison.runs) > 2:
        lines += [
            f"{run}: {_counts(verdict, comparison.rows[comparison.rows['run'] == run])}"
            for run, verdict in zip(comparison.runs[1:], comparison.verdicts, strict=True)
        ]
    return "\n".join(map(one_line, [*lines, _counts(comparison.verdict, comparison.rows)]))


def _with(frame: pd.DataFrame, column: str, value: str) -> list[dict[str, Any]]:
    return frame[frame[column] == value].to_dict("records")


def _shortened(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    more = [f"and {len(lines) - SHOWN} more of these"] if len(lines) > SHOWN else []
    return lines[:SHOWN] + more


def _named(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _differing(row: dict[str, Any], reference: str) -> str:
    return (
        f"differs: {_named(*(row[name] for name in COLUMNS[1:5]))}: {row['run']} {row['value']:.4g}, {reference} "
        f"{row['reference']:.4g}, difference {row['difference']:+.4g} (95 % interval {row['difference_low']:+.4g} to "
        f"{row['difference_high']:+.4g}; after Holm's correction p = {row['p_adjusted']:.2g})"
    )


def _opposite(row: dict[str, Any], reference: str) -> str:
    return f"differs: claim {row['claim']}: {row['run']} {row['verdict']}, {reference} {row['reference']}"


def _claims(claims: pd.DataFrame) -> str:
    counts = claims["agreement"].value_counts()
    same, other, opposite, alone = (int(counts.get(name, 0)) for name in (SAME, OTHER, OPPOSITE, ALONE))
    return (
        f"claims: of {len(claims)} verdicts, {same} are the same, {other} another, {opposite} the opposite"
        + (f"; {alone} claims are in one run alone" if alone else "")
        + "."
    )


def _counts(verdict: str, rows: pd.DataFrame) -> str:
    alike, within, differing = (int((rows["verdict"] == name).sum()) for name in COMPARED)
    return (
        f"{verdict}: of {alike + within + differing} numbers that both runs have, {alike} are identical, {within} "
        f"differ within the errors of both samples, {differing} differ by more."
    )
