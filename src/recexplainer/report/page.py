"""The report: one HTML file with everything that a run has found, and how."""

import logging
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.config.shown import Page
from recexplainer.duration import in_words
from recexplainer.errors import InputError
from recexplainer.explanation.texts import load_explanations
from recexplainer.faithfulness.controls import in_a_sentence
from recexplainer.figures.case_view import in_words as decision_in_words
from recexplainer.figures.select import cases_by_name
from recexplainer.files import read_bytes, read_json, read_text, write_text
from recexplainer.pages import POLICY, style_of, verdict_mark
from recexplainer.paper.claims import in_names
from recexplainer.paper.grid import Grid, grids, left_out
from recexplainer.paper.printed import to_html
from recexplainer.report import captions
from recexplainer.report.costs import Cost, read_costs
from recexplainer.report.dag import draw_dag, read_edges
from recexplainer.report.facts import LABELS, Fact, read_facts
from recexplainer.report.first import headline, when
from recexplainer.report.gallery import RULE, gallery
from recexplainer.report.inline import inline_case
from recexplainer.report.links import folder_link, forms, more_links
from recexplainer.report.measures import measures_table
from recexplainer.report.tables import VERDICTS, Table, lay_out, read_csv
from recexplainer.style import system_colors, system_label
from recexplainer.yaml_files import read_yaml

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent

IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}

CLAIMS = "words where paper paper_detail verdict held compared datasets data test detail".split()
"""Columns of the claims that are shown."""

EXAMPLES = 3
"""How many cases are shown with the explanations of all systems."""


@dataclass(frozen=True)
class Files:
    """The files of a run that the report shows; what is missing is None or [].

    Attributes:
        tables: known by their names: ``table2.csv``, or ``table2.html``, a table that this project has typeset, which
            is shown instead of the CSV.
        figures: ``.svg`` or ``.png``, known by their names: ``figure6.svg``.
        paper_vs_ours: CSV, a row per number of the paper.
        claims: CSV, a row per claim of the paper.
        provenance: JSON, what was run and on what.
        benchmarks: folder of Snakemake's benchmark files.
        graph: JSON, edges between rules.
        deviations: YAML, where the reproduction departs from the paper.
        cases: of the dataset of the explanations.
        explanations: one file per system.
        systems: their names, in the same order.
        records: what the faithfulness stage says of each system's explanations, in the same order.
        alignment: CSV of table 2, for the sentence at the top.
        rating_pages: HTML, one per rater; they are linked.
        logs: folder of the logs, which is linked.
    """

    tables: Sequence[str]
    figures: Sequence[str]
    paper_vs_ours: str | None
    claims: str | None
    provenance: str | None
    benchmarks: str | None
    graph: str | None
    deviations: str | None
    cases: str | None
    explanations: Sequence[str]
    systems: Sequence[str]
    records: Sequence[str] = field(default_factory=list)
    alignment: str | None = None
    rating_pages: Sequence[str] = field(default_factory=list)
    logs: str | None = None


def write_report(files: Files, settings: Page, output: str) -> None:
    """Write the report.

    The page loads nothing and runs nothing: its policy forbids both, pictures are part of it, and all text of data
    sets and models is escaped. Links lead to the files of the run, relative to the page. A part whose files are missing
    is left out, and the page says so.

    Args:
        files: what is there.
        settings: what the run is, and what things are called.
        output: the HTML file.

    Raises:
        InputError: a file is missing or broken, or a figure is of another kind.
    """
    names = settings.names
    tables = {}
    for path in sorted(files.tables, key=lambda path: Path(path).suffix != ".csv"):
        name = Path(path).stem
        if Path(path).suffix == ".html":
            tables[name] = _fragment(path)
        elif len(frame := read_csv(path)):
            tables[name] = _table(name, frame, names)
    words_alone = _beside_controls(files.tables, tables, names)
    figures = {Path(path).stem: _figure(path) for path in files.figures}
    _check_names(tables, figures)
    costs = read_costs(files.benchmarks) if files.benchmarks else []
    facts, config = read_facts(files.provenance) if files.provenance else ([], "")
    day, wall = when(files.benchmarks) if files.benchmarks else ("", "")
    edges = _that_ran(read_edges(read_json(files.graph), files.graph), costs) if files.graph else []
    cases = {Path(path).stem: case for path in files.figures if (case := inline_case(path))}
    paper = _paper(files.paper_vs_ours) if files.paper_vs_ours else {}
    claims = _claims(files.claims, names) if files.claims else []
    blocks, headings = captions.of_run(settings.rated_by == "simulated")
    root = Path(output).parent
    view = {
        "title": settings.title,
        "words_alone": words_alone,
        "synthetic": settings.synthetic,
        "headline": headline(files.alignment, names) if files.alignment else "",
        "first": [*settings.about, *_first(facts, day, wall)],
        "links": {Path(path).stem: forms(path, root) for path in [*files.tables, *files.figures]},
        "more_links": more_links(
            [files.paper_vs_ours, files.claims, files.provenance], files.rating_pages, files.logs, root
        ),
        "logs": folder_link(files.logs, "", root),
        "log_of": {cost.rule: link for cost in costs if (link := folder_link(files.logs, cost.rule, root))},
        "tables": tables,
        "nothing_spent": "spending" not in tables and any(Path(path).stem == "spending" for path in files.tables),
        "figures": figures,
        "inline": {name: body for name, (body, _) in cases.items()},
        "with_histories": captions.WITH_HISTORIES,
        "inline_rules": "".join(rules for _, rules in cases.values()),
        "captions": headings,
        "blocks": blocks,
        "facts": facts,
        "version": next((fact.text for fact in facts if fact.label == LABELS["version"]), ""),
        "config": config,
        "graph": _data_address(draw_dag(edges).encode(), ".svg") if edges else "",
        "costs": costs,
        "total": _total(costs),
        "in_words": in_words,
        "paper": paper,
        "verdicts": _verdicts(files.paper_vs_ours),
        "claims": claims,
        "claim_verdicts": _verdicts(files.claims),
        "deviations": load_deviations(files.deviations) if files.deviations else [],
        "examples": _examples(files.cases, files, EXAMPLES) if files.cases else [],
        "gallery": gallery(
            cases=files.cases, explanations=files.explanations, systems=files.systems, records=files.records
        )
        if files.cases and files.records
        else [],
        "gallery_rule": RULE,
    }
    view["missing"] = _missing(view)
    page = _render(view)
    write_text(output, page)
    logger.info("report of %.1f MB in %s", len(page.encode()) / 1e6, output)


def _table(name: str, frame: pd.DataFrame, names: dict[str, str]) -> Any:
    """Return a table of results; of the long one of faithfulness a block per data set, and the systems side by side."""
    from markupsafe import Markup

    return Markup(to_html(measures_table(frame, names))) if name == "faithfulness" else lay_out(frame, names)


def _beside_controls(paths: Sequence[str], tables: dict[str, Any], names: dict[str, str]) -> str:
    """Add the table of how far the systems are above the controls; return what it says of the reasons, in a sentence.

    Without the table of faithfulness, or without controls in it, nothing is added and the sentence is empty.
    """
    from markupsafe import Markup

    path = next((path for path in paths if Path(path).name == "faithfulness.csv"), None)
    frame = read_csv(path) if path else pd.DataFrame()
    compared = frame[frame["better_than_words"] != ""] if "better_than_words" in frame else frame.iloc[:0]
    if not len(compared):
        return ""
    tables["words_alone"] = Markup(to_html(measures_table(compared, names, "over_control")))
    return in_a_sentence(frame, lambda method: names.get(method, system_label(method)))


def _first(facts: list[Fact], day: str, wall: str) -> list[tuple[str, str]]:
    """Return what the first screen says of the code and the time."""
    known = {fact.label: fact.text for fact in facts}
    commit = known.get(LABELS["commit"], "").replace("not known", "")
    if commit and known.get(LABELS["dirty"]) == "yes":
        commit += " (with changes that are not committed)"
    time = f"{wall}, in which at least one job ran" if wall else ""
    return [pair for pair in (("Commit", commit), ("Date", day and f"{day} (UTC)"), ("Wall time", time)) if pair[1]]


def _check_names(tables: dict[str, Any], figures: dict[str, Any]) -> None:
    """Refuse what no block of the page shows, rather than lose it."""
    shown = {name for block in captions.BLOCKS for name in (*block.tables, *block.figures)} | {"spending"}
    for name in [*tables, *figures]:
        if name not in shown:
            raise InputError(f"{name}: the report has no place for it; known are {', '.join(sorted(shown))}.")


def _fragment(path: str) -> Any:
    """Return an HTML table that this project has typeset: its text is escaped already."""
    from markupsafe import Markup

    text = read_text(path, "HTML table")
    start, end = text.find("<table"), text.rfind("</table>")
    if not 0 <= start < end:
        raise InputError(f"{path}: holds no table; expected a page that this project has typeset. Typeset it again.")
    return Markup(text[start : end + len("</table>")])


def _figure(path: str) -> str:
    """Return a picture as a data address."""
    suffix = Path(path).suffix.lower()
    if suffix not in IMAGES:
        raise InputError(f"{path}: the report shows figures as {' or '.join(IMAGES)}. Give it the image.")
    try:
        return _data_address(read_bytes(path), suffix)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a figure. Run the stage that makes it.") from None


def _that_ran(edges: list[tuple[str, str]], costs: list[Cost]) -> list[tuple[str, str]]:
    """Return the edges between rules that ran: those with a benchmark, and the report's own; all without benchmarks."""
    ran = {cost.rule for cost in costs} | {"report"}
    return [edge for edge in edges if {*edge} <= ran] if costs else edges


def _data_address(content: bytes, suffix: str) -> str:
    return f"data:{IMAGES[suffix]};base64,{b64encode(content).decode()}"


def _total(costs: list[Cost]) -> dict[str, str]:
    """Return the costs of the whole run in words."""
    return {
        "jobs": f"{sum(cost.jobs for cost in costs):,}",
        "seconds": in_words(sum(cost.seconds for cost in costs)),
        "cpu": in_words(sum(cost.cpu_seconds for cost in costs)),
        "memory": f"{max((cost.memory for cost in costs), default=0):,.0f} MB",
    }


def _claims(path: str, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the claims: the words, where the paper says so, the verdict and its mark, and what it rests on."""
    frame = read_csv(path)
    missing = [name for name in CLAIMS if name not in frame]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing; expected the claims of the paper.")
    return [
        {name: row[name] for name in CLAIMS}
        | {"mark": verdict_mark(row["verdict"]), "details": in_names(row["detail"], names)}
        | {"datasets": ", ".join(names.get(name, name) for name in row["datasets"].split(", "))}
        for row in frame.to_dict("records")
    ]


def _paper(path: str) -> dict[str, Any]:
    """Return the comparison with the paper: ``grids`` of what was compared, ``alone`` of what the paper has beside."""
    frame = read_csv(path)
    for name in ("table", "dataset", "method", "metric", "paper", "ours", "verdict"):
        if name not in frame:
            raise InputError(f"{path}: column {name!r} is missing; expected the comparison with the paper.")
    rows = frame.to_dict("records")
    result: dict[str, list[Grid] | list[tuple[str, str]]] = {
        "grids": grids(rows, compared=True),
        "alone": grids(rows, compared=False),
        "left_out": left_out(rows),
    }
    return result if rows else {}


def _verdicts(path: str | None) -> list[tuple[str, int]]:
    """Return how often each verdict was reached, in a fixed order."""
    frame = read_csv(path) if path else None
    if frame is None or "verdict" not in frame:
        return []
    order = [*VERDICTS]
    counts = Counter(frame["verdict"])
    return sorted(counts.items(), key=lambda item: (order.index(item[0]) if item[0] in order else 9, item[0]))


def load_deviations(path: str) -> list[dict[str, str]]:
    """Read the list of deviations: ``topic``, ``paper``, ``here`` and ``why`` of each.

    Raises:
        InputError: names the file, and the entry and key that is missing or no text.
    """
    entries = read_yaml(path, "expected a YAML list of deviations")
    if not isinstance(entries, list):
        raise InputError(f"{path}: expected a list of deviations.")
    for place, entry in enumerate(entries, 1):
        for key in ("topic", "paper", "here", "why"):
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
                raise InputError(f"{path}: deviation {place}: {key}: missing; expected a text.")
    return entries


def _examples(path: str, files: Files, number: int) -> list[dict[str, Any]]:
    """Return the first cases, recommended and not in turn, with the explanations of all systems."""
    cases = list(cases_by_name(path).values())
    texts = load_explanations(files.explanations, files.systems, cases)
    colors = system_colors(files.systems)
    by_verdict = [[i for i, case in enumerate(cases) if bool(case["label"]) is label] for label in (True, False)]
    turns = [place for pair in zip(*by_verdict, strict=False) for place in pair][:number]
    result = []
    for place in turns:
        case = cases[place]
        rows = [(system, texts[system][place]) for system in files.systems]
        result.append(
            {
                "case": case["case"],
                "history": list(case["history"]),
                "target": case["title"],
                "label": decision_in_words(bool(case["label"])),
                "texts": [
                    {
                        "system": system_label(system),
                        "color": colors[system],
                        "verdict": decision_in_words(row["decision"]),
                        "right": row["decision"] is not None and row["decision"] == bool(row["label"]),
                        "text": row["text"],
                    }
                    for system, row in rows
                ],
            }
        )
    return result


def _missing(view: dict[str, Any]) -> list[str]:
    """Return what the page does not show, in words."""
    there = {*view["tables"], *view["figures"]}
    missing = [block.missing for block in view["blocks"] if not there & {*block.tables, *block.figures}]
    parts = {
        "facts": "what was run and on what (no provenance file)",
        "graph": "the graph of the pipeline",
        "costs": "time and memory",
        "paper": "the comparison with the paper's numbers",
        "claims": "the paper's claims",
        "deviations": "the list of deviations",
        "examples": "example explanations",
        "gallery": "the gallery of good and bad explanations",
    }
    return [words for words in missing if words] + [words for key, words in parts.items() if not view[key]]


def _render(view: dict[str, Any]) -> str:
    """Return the page. Its policy allows its own style by digest, and pictures that are part of it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    shown = [text for example in view["examples"] for text in example["texts"]] + view["gallery"]
    colors = sorted({text["color"] for text in shown})
    rules = "".join(f".c{place} {{ --bar: {color}; }}\n" for place, color in enumerate(colors))
    style, digest = style_of([HERE / "report.css"], rules + view["inline_rules"], bool(view["synthetic"]))
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["table"] = lambda value: isinstance(value, Table)
    environment.filters["code"] = _with_code
    return environment.get_template("report.html").render(
        **view,
        colors={color: f"c{place}" for place, color in enumerate(colors)},
        style=Markup(style),
        policy=Markup(POLICY.format(digest=digest)),
        verdict_mark=verdict_mark,
    )


def _with_code(text: str) -> Any:
    """Return a text of this project as HTML, with what stands between backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))
