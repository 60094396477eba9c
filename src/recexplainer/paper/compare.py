"""The paper's numbers beside ours: a table of all of them, the claims, and a page that shows both."""

import hashlib
import logging
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import write_csv, write_text
from recexplainer.paper.claims import COLUMNS as CLAIM_COLUMNS
from recexplainer.paper.claims import judge_claims
from recexplainer.paper.numbers import Key, Number, Ours, read_numbers, read_ours

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent

COLUMNS = "table section dataset method metric paper ours low high difference verdict".split()
VERDICTS = ("within", "outside", "not run", "synthetic")
TOLERANCE = 0.1
"""How far a number without an interval may be from the paper's, as a share of it."""

TABLES = {
    "1": "Table 1: the data sets",
    "2": "Table 2: alignment with the recommender",
    "3": "Table 3: ratings of the explanations by GPT-4",
    "4": "Table 4: samples of each task",
}
METHODS = {
    "random": "Random",
    "popularity": "Popularity",
    "vicuna-7b": "Vicuna-7B",
    "chatgpt": "ChatGPT",
    "behavior": "RecExplainer-B",
    "intention": "RecExplainer-I",
    "hybrid": "RecExplainer-H",
}
METRICS = {
    "sparsity_percent": "sparsity (%)",
    "retrieval_hr5": "retrieval H@5",
    "retrieval_ndcg5": "retrieval N@5",
    "ranking_ndcg5": "ranking N@5",
    "classification_acc": "classification accuracy",
    "history_hcr": "history coverage",
}


def paper_vs_ours(
    numbers: str,
    tables: Mapping[str, str],
    predictions: list[str],
    prediction_rows: list[list[str]],
    judgements: list[str],
    judgement_rows: list[list[str]],
    human: str | None,
    settings: Mapping,
    seed: int,
    output: str,
    claims_output: str,
    page: str,
) -> None:
    """Write every number of the paper beside ours, the claims, and the page with both.

    Args:
        numbers: the paper's.
        tables: our CSV of each of the tables ``1`` to ``4``.
        predictions: one folder per dataset and system, ablations included.
        prediction_rows: the dataset and the system of each, in the same order.
        judgements: one file per dataset and judge, ablations included; only those of the settings' judge are read.
        judgement_rows: the dataset and the judge of each, in the same order.
        human: the table of people's mean ratings; None without a study.
        settings: ``llm``, its ``name`` and ``source``, and what :func:`recexplainer.paper.claims.judge_claims` takes.
        seed: of the resamples.
        output: CSV of the numbers, with the columns :data:`COLUMNS`.
        claims_output: CSV of the claims.
        page: HTML to write.

    Raises:
        InputError: the lists differ in length, or a file is missing or broken.
    """
    if len(predictions) != len(prediction_rows) or len(judgements) != len(judgement_rows):
        raise InputError("--predictions and --judgements: expected one entry of their rows for each file.")
    rows = compare(read_numbers(numbers), read_ours(tables, settings["judge"]), settings["generated"])
    folders = {(dataset, system): path for path, (dataset, system) in zip(predictions, prediction_rows, strict=True)}
    rated: dict[str, list[str]] = {}
    for path, (dataset, judge) in zip(judgements, judgement_rows, strict=True):
        if judge == settings["judge"]:
            rated.setdefault(dataset, []).append(path)
    claims = judge_claims(folders, rated, human, settings, seed)
    write_csv(output, pd.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], columns=COLUMNS))
    write_csv(claims_output, pd.DataFrame(claims, columns=CLAIM_COLUMNS))
    write_page(rows, claims, settings, page)
    counts = Counter(row["verdict"] for row in rows)
    logger.info("%d numbers: %s", len(rows), ", ".join(f"{counts[name]} {name}" for name in VERDICTS))


def compare(numbers: list[Number], ours: Mapping[Key, Ours], generated: list[str]) -> list[dict]:
    """Return one row per number of the paper: the columns :data:`COLUMNS`, and ``printed``, as the paper has it.

    Args:
        numbers: the paper's.
        ours: by the same keys.
        generated: datasets that are made up. Their numbers are shown, and neither subtracted nor judged.
    """
    rows = []
    for paper in numbers:
        found = ours.get(paper.key)
        verdict = judge_number(paper.value, found, paper.dataset in generated)
        row = {"table": paper.table, "section": paper.section, "dataset": paper.dataset, "method": paper.method}
        row |= {"metric": paper.metric, "paper": paper.printed.replace(",", "").removesuffix("%"), "verdict": verdict}
        row |= {"printed": paper.printed, "ours": None, "low": None, "high": None, "difference": None}
        if found:
            digits = 3 if paper.metric == "sparsity_percent" else 0 if paper.table in ("1", "4") else 4
            values = {"ours": found.value, "low": found.low, "high": found.high}
            if verdict in ("within", "outside"):
                values["difference"] = found.value - paper.value
            row |= {name: value if value is None else f"{value:.{digits}f}" for name, value in values.items()}
        rows.append(row)
    return rows


def judge_number(paper: float, ours: Ours | None, generated: bool) -> str:
    """Return one of :data:`VERDICTS`.

    ``within``: the paper's number lies in our 95 % interval, ends included; where ours has no interval, ours lies
    within :data:`TOLERANCE` of the paper's.
    """
    if ours is None:
        return "not run"
    if generated:
        return "synthetic"
    if ours.low is not None and ours.high is not None:
        return "within" if ours.low <= paper <= ours.high else "outside"
    # Exactly a tenth off, say 90 for 100, is within, whatever binary fractions make of it.
    return "within" if abs(ours.value - paper) <= TOLERANCE * abs(paper) + 1e-9 else "outside"


def write_page(rows: list[dict], claims: list[dict], settings: Mapping, path: str | Path) -> None:
    """Write the page: one file that loads nothing, runs nothing, and shows all text as text.

    Args:
        rows: of :func:`compare`.
        claims: of :func:`recexplainer.paper.claims.judge_claims`.
        settings: ``judge``, ``generated``, ``llm``.
        path: HTML to write.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    style = (HERE / "compare.css").read_text(encoding="utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    template = environment.from_string((HERE / "compare.html").read_text(encoding="utf-8"))
    tables = []
    for table, heading in TABLES.items():
        own = [row for row in rows if row["table"] == table]
        datasets = list(dict.fromkeys(row["dataset"] for row in own))
        tables.append(
            {
                "id": table,
                "heading": heading,
                "sections": list(dict.fromkeys(row["section"] for row in own)),
                "groups": {name: [_shown(row) for row in own if row["dataset"] == name] for name in datasets},
                "counts": Counter(row["verdict"] for row in own),
            }
        )
    text = template.render(
        tables=[table for table in tables if table["groups"]],
        claims=[claim | {"details": claim["detail"].split("; ")} for claim in claims],
        counts=Counter(row["verdict"] for row in rows),
        verdicts=VERDICTS,
        total=len(rows),
        settings=settings,
        # The style is ours, and its hash in the page's policy would not fit an escaped one.
        style=Markup(style),
        digest=digest,
    )
    write_text(path, text)


def _shown(row: dict) -> dict:
    """Return a row as the page shows it: names in words, counts with separators, a true minus."""
    counted = row["table"] in ("1", "4") and row["metric"] != "sparsity_percent"
    shown = {name: f"{int(row[name]):,}" if counted and row[name] else row[name] for name in ("ours", "low", "high")}
    difference = row["difference"]
    if difference is not None:
        digits = len(difference.partition(".")[2])
        difference = f"{float(difference):+,.{digits}f}".replace("-", "\u2212")
    names = {"metric": METRICS.get(row["metric"], row["metric"].replace("_", ", "))}
    return row | shown | names | {"method": METHODS.get(row["method"], row["method"]), "difference": difference}
