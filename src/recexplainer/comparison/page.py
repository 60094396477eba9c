"""A comparison of runs as one page that loads nothing, runs nothing, and shows all text as text."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer import about
from recexplainer.comparison.claims import ALONE, OPPOSITE, OTHER, SAME
from recexplainer.comparison.compare import COMPARED, REPRODUCED, Comparison
from recexplainer.errors import InputError
from recexplainer.files import read_json, write_text
from recexplainer.pages import rendered, style_of, verdict_mark
from recexplainer.provenance.recorded import RECORD, recorded_config
from recexplainer.report.captions import CAPTIONS
from recexplainer.report.tables import heading
from recexplainer.style import system_label

HERE = Path(__file__).parent
MARKS = {"identical": "within", "reproduced": "within", "differs": "outside", "incomplete": "inconclusive"}
MARKS |= {SAME: "within", OPPOSITE: "outside", OTHER: "inconclusive", ALONE: "not-run"}
"""The class of a mark, where it is not the verdict's own."""
PLAIN = ("missing", "further", "not tested", "")


def write_page(comparison: Comparison, folders: Sequence[str | Path], output: str | Path) -> None:
    """Write the page.

    Args:
        comparison: the comparison.
        folders: of its runs, in the same order.
        output: HTML to write.
    """
    facts = [_facts(Path(folder)) for folder in folders]
    synthetic = next((one["synthetic"] for one in facts if one["synthetic"]), "")
    names = {key: value for one in reversed(facts) for key, value in one["names"].items()}
    style, digest = style_of([HERE / "page.css"], synthetic=bool(synthetic))
    text = rendered(
        HERE / "page.html",
        style,
        digest,
        comparison=comparison,
        runs=list(zip(comparison.runs, facts, ["the first run, the reference", *comparison.verdicts], strict=True)),
        reproduced=comparison.verdict in REPRODUCED,
        counts=Counter(comparison.rows["verdict"]),
        compared=int(comparison.rows["verdict"].isin(COMPARED).sum()),
        claims=_claims(comparison),
        tables=[_table(comparison, name, names) for name in dict.fromkeys(comparison.rows["table"])],
        synthetic=synthetic,
        mark=mark,
    )
    write_text(output, text)


def mark(verdict: str) -> str:
    """Return the class of a verdict's mark."""
    return "not-run" if verdict in PLAIN else MARKS.get(verdict, verdict_mark(verdict))


def _facts(folder: Path) -> dict[str, Any]:
    """Return what a run's record says of it, in words; less, where it has none."""
    nothing = {"title": "no record", "synthetic": "", "names": {}, "code": "", "machine": ""}
    if not (folder / RECORD).is_file():
        return nothing
    record = read_json(folder / RECORD)
    try:
        config = recorded_config(folder / RECORD)
        facts = {"title": about.title(config), "synthetic": about.synthetic(config), "names": about.names(config)}
    except InputError:
        facts = {"title": "the record of another version"}
    commit, machine = record.get("commit"), record.get("machine")
    known = isinstance(machine, dict)
    return (
        nothing
        | facts
        | {
            "code": f"version {record.get('version')}, commit {str(commit)[:12]}" if commit else "",
            "machine": f"{machine.get('cpu')}, {machine.get('cores')} cores" if known else "",
        }
    )


def _claims(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the claims, each with the verdict of every run."""
    claims = []
    for _, group in comparison.claims.groupby("claim", sort=False):
        first, *_ = rows = group.to_dict("records")
        verdicts = [(first["reference"], first["reference_comparisons"], "")]
        verdicts += [(row["verdict"], row["comparisons"], row["agreement"]) for row in rows]
        claims.append(first | {"verdicts": verdicts})
    return claims


def _table(comparison: Comparison, name: str, names: dict[str, str]) -> dict[str, Any]:
    """Return one table of results: its numbers by dataset, each with those of every run."""
    rows = comparison.rows[comparison.rows["table"] == name]
    groups: dict[str, list[dict[str, Any]]] = {}
    for (dataset, system, metric), group in rows.groupby(["dataset", "system", "metric"], sort=False):
        called = " ".join(names.get(word, system_label(word)) for word in system.split(" ")) if system else ""
        first, *_ = cells = group.to_dict("records")
        row = {
            "name": ", ".join(filter(None, [called, heading(metric).replace("_", " ")])),
            "cells": [_cell(one) for one in cells],
        }
        row["reference"] = _number(first["reference"], first["reference_low"], first["reference_high"])
        groups.setdefault(names.get(dataset, dataset), []).append(row)
    title, words = CAPTIONS.get(name, (heading(name), ""))
    return {"name": name, "title": title, "words": words, "groups": groups, "counts": Counter(rows["verdict"])}


def _cell(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": _number(row["value"], row["value_low"], row["value_high"]),
        "difference": _number(row["difference"], row["difference_low"], row["difference_high"], "+"),
        "p": "" if pd.isna(row["p_adjusted"]) else f"{row['p_adjusted']:.2g}",
        "verdict": row["verdict"],
    }


def _number(value: float, low: float, high: float, sign: str = "") -> tuple[str, str]:
    """Return a number and its interval for the eye."""
    if pd.isna(value):
        return "\u2013", ""
    between = "" if pd.isna(low) or pd.isna(high) else f"{_plain(low, sign)} to {_plain(high, sign)}"
    return _plain(value, sign), between


def _plain(value: float, sign: str) -> str:
    whole = math.isfinite(value) and value == int(value) and abs(value) >= 2
    digits = 0 if whole else 1 if abs(value) >= 1000 else 3
    return f"{value:{sign},.{digits}f}".replace("-", "\u2212")
