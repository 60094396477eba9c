"""The paper's numbers beside ours: a table of all of them, the claims, and a page that shows both."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.about import PAPER_DATASETS
from recexplainer.config.paper import BesidePaper
from recexplainer.files import write_csv, write_text
from recexplainer.pages import rendered, style_of, verdict_mark
from recexplainer.paper.claims import in_names
from recexplainer.paper.grid import METHODS, TITLES, dataset_name, metric_name
from recexplainer.paper.numbers import Key, Number, Ours, read_numbers, read_ours
from recexplainer.paper.paired import NORMAL_95, variance_of
from recexplainer.paper.verdicts import COLUMNS as CLAIM_COLUMNS
from recexplainer.paper.verdicts import VERDICTS as CLAIM_VERDICTS
from recexplainer.paper.verdicts import Sources, judge_claims
from recexplainer.tables.table2 import METRICS as METRIC_TASKS

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent

COLUMNS = "table section dataset method metric paper ours low high difference margin verdict".split()
VERDICTS = ("within", "outside", "not run", "synthetic")
TOLERANCE = 0.1
"""How far a number without an interval may be from the paper's, as a share of it."""

RATED = 500
"""How many explanations of each system and dataset the paper had rated (section 3.1.2)."""
SHARES = ("retrieval_hr5",)
"""Metrics of one right or wrong answer for each user: their error is the binomial one."""
RANGES = {"rating": (1.0, 4.0)}
"""Between what the cases of a metric lie, where it is not 0 and 1."""


def paper_vs_ours(
    *,
    numbers: str,
    tables: Mapping[str, str],
    sources: Sources,
    settings: BesidePaper,
    seed: int,
    outputs: tuple[str, ...],
) -> None:
    """Write every number of the paper beside ours, the claims, and the page with both.

    Args:
        numbers: the paper's.
        tables: our CSV of each of the tables ``1`` to ``4``.
        sources: what claims are tested on.
        settings: which data are compared, whose ratings count, and what things are called.
        seed: of the resamples.
        outputs: three files: CSV of the numbers, with the columns :data:`COLUMNS`; CSV of the claims; HTML.

    Raises:
        InputError: a file is missing or broken.
    """
    printed = read_numbers(numbers)
    ours = read_ours(tables, settings.judge)
    ours = {key: value for key, value in ours.items() if key[1] not in settings.others}
    rows = compare(printed, ours, settings.generated)
    claims = judge_claims(printed, sources, settings, seed)
    write_csv(outputs[0], pd.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], columns=COLUMNS))
    write_csv(outputs[1], pd.DataFrame(claims, columns=CLAIM_COLUMNS))
    write_page(rows, claims, settings, outputs[2])
    counts = Counter(row["verdict"] for row in rows)
    logger.info("%d numbers: %s", len(rows), ", ".join(f"{counts[name]} {name}" for name in VERDICTS))


def compare(numbers: list[Number], ours: Mapping[Key, Ours], generated: list[str]) -> list[dict[str, Any]]:
    """Return one row per number of the paper: the columns :data:`COLUMNS`, and ``printed``, as the paper has it.

    Args:
        numbers: the paper's.
        ours: by the same keys.
        generated: datasets that are made up. Their numbers are shown, and neither subtracted nor judged.
    """
    rows, values = [], {paper.key: paper.value for paper in numbers}
    for paper in numbers:
        own = ours.get(paper.key)
        allowed = margin(paper, own, paper_cases(paper, values)) if own else None
        verdict = judge_number(paper.value, own, allowed, paper.dataset in generated)
        row: dict[str, Any] = {
            "table": paper.table,
            "section": paper.section,
            "dataset": paper.dataset,
            "method": paper.method,
        }
        row |= {"metric": paper.metric, "paper": paper.printed.replace(",", "").removesuffix("%"), "verdict": verdict}
        row |= {"printed": paper.printed, "ours": None, "low": None, "high": None, "difference": None, "margin": None}
        if own:
            digits = 3 if paper.metric == "sparsity_percent" else 0 if paper.table in ("1", "4") else 4
            shown = {"ours": own.value, "low": own.low, "high": own.high}
            if verdict in ("within", "outside"):
                shown |= {"difference": own.value - paper.value, "margin": allowed}
            row |= {name: value if value is None else f"{value:.{digits}f}" for name, value in shown.items()}
        rows.append(row)
    return rows


def paper_cases(paper: Number, values: Mapping[Key, float]) -> float | None:
    """Return over how many cases a number of the paper was taken; None for counts, and where it does not say so.

    Table 2 is over the test samples of table 4, table 3 over :data:`RATED` explanations.
    """
    if paper.table == "2":
        return values.get(("4", paper.dataset, "", f"{METRIC_TASKS[paper.metric]}_test"))
    return RATED if paper.table == "3" else None


def margin(paper: Number, ours: Ours, cases: float | None) -> float:
    """Return how far two numbers of the same kind may differ by chance alone, in 19 of 20 cases.

    Both are means over a sample of cases, and both have its error: the spread of one case over the number of cases. The
    paper gives none, so the spread is measured on ours, by our interval, as a share of the widest that the metric's
    range allows at our mean, and taken at the mean of both. The share is 1, which is the binomial spread, where a case
    is right or wrong, and where all our cases are alike, which says nothing. What another seed of the training would
    change is in neither.

    Args:
        paper: the paper's number.
        ours: ours.
        cases: of the paper's number; None for a count, which may be :data:`TOLERANCE` off.
    """
    if cases is None or not ours.cases or ours.low is None or ours.high is None:
        return TOLERANCE * abs(paper.value)
    low, high = RANGES.get(paper.metric, (0.0, 1.0))

    def widest(mean: float) -> float:
        return (min(max(mean, low), high) - low) * (high - min(max(mean, low), high))

    measured = variance_of(ours.high - ours.low) * ours.cases
    alike = paper.metric in SHARES or measured <= 1e-6 * widest(ours.value) or not widest(ours.value)
    share = 1.0 if alike else measured / widest(ours.value)
    both = (paper.value * cases + ours.value * ours.cases) / (cases + ours.cases)
    return NORMAL_95 * (share * widest(both) * (1 / cases + 1 / ours.cases)) ** 0.5


def judge_number(paper: float, ours: Ours | None, allowed: float | None, generated: bool) -> str:
    """Return one of :data:`VERDICTS`: ``within`` if ours is at most ``allowed`` away from the paper's number."""
    if ours is None:
        return "not run"
    if generated:
        return "synthetic"
    assert allowed is not None  # there is a number of ours
    # Exactly as far as allowed, say 90 for 100, is within, whatever binary fractions make of it.
    return "within" if abs(ours.value - paper) <= allowed + 1e-9 else "outside"


def write_page(
    rows: list[dict[str, Any]], claims: list[dict[str, Any]], settings: BesidePaper, path: str | Path
) -> None:
    """Write the page: one file that loads nothing, runs nothing, and shows all text as text.

    Args:
        rows: of :func:`compare`.
        claims: of :func:`recexplainer.paper.verdicts.judge_claims`.
        settings: whose ratings count, what is made up, and what datasets are called.
        path: HTML to write.
    """
    style, digest = style_of([HERE / "compare.css"], synthetic=bool(settings.synthetic))
    shown, papers = settings.shown, PAPER_DATASETS
    tables = []
    for table, heading in TITLES.items():
        own = [row for row in rows if row["table"] == table]
        datasets = list(dict.fromkeys(row["dataset"] for row in own))
        tables.append(
            {
                "id": table,
                "heading": heading,
                "sections": list(dict.fromkeys(row["section"] for row in own)),
                "groups": {
                    dataset_name(name): [_shown(row) for row in own if row["dataset"] == name] for name in datasets
                },
                "counts": Counter(row["verdict"] for row in own),
            }
        )
    text = rendered(
        HERE / "compare.html",
        style,
        digest,
        tables=[table for table in tables if table["groups"]],
        claims=[
            claim
            | {"details": in_names(claim["detail"], shown), "paper_details": in_names(claim["paper_detail"], papers)}
            | {"datasets": ", ".join(shown.get(name, name) for name in claim["datasets"].split(", "))}
            for claim in claims
        ],
        claim_counts=Counter(claim["verdict"] for claim in claims),
        claim_verdicts=CLAIM_VERDICTS,
        counts=Counter(row["verdict"] for row in rows),
        verdicts=VERDICTS,
        total=len(rows),
        settings=settings,
        verdict_mark=verdict_mark,
    )
    write_text(path, text)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the page shows it: names in words, three decimals, a true minus, no number of generated data."""
    counted = row["table"] in ("1", "4") and row["metric"] != "sparsity_percent"
    row = row | (dict.fromkeys(("ours", "low", "high")) if row["verdict"] == "synthetic" else {})
    digits = 0 if counted else 3
    shown = {
        name: None if row[name] is None else f"{float(row[name]):,.{digits}f}"
        for name in ("paper", "ours", "low", "high", "margin")
    }
    difference = row["difference"]
    if difference is not None:
        difference = f"{float(difference):+,.{digits}f}".replace("-", "\u2212")
    names = {"metric": metric_name(row["metric"]), "method": METHODS.get(row["method"], row["method"])}
    return row | shown | names | {"difference": difference}
