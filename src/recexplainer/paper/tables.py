"""Our CSV tables as tables for readers: what is a row, what is a column, how many digits, what is best."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from recexplainer.config.shown import Shown
from recexplainer.csv_rows import read_rows
from recexplainer.errors import InputError
from recexplainer.faithfulness.controls import is_control
from recexplainer.files import write_text
from recexplainer.paper.numbers import COUNTS, number
from recexplainer.paper.printed import Block, Cell, PrintedTable, not_worse, to_latex, to_page
from recexplainer.style import judge_label, system_label

logger = logging.getLogger(__name__)

NONE = "\u2013"
"""Where there is no number."""

NAMES = {"random": "Random", "popularity": "Popularity", "sasrec": "SASRec"} | {
    "linear_probe": "Linear probe",
    "nearest_embeddings": "Nearest embeddings",
    "sparse_linear": "Sparse linear",
    "decision_tree": "Decision tree",
    "nearest_histories": "Nearest histories",
}
TESTED = "Bold: the best, and all that are not significantly worse"
MARKS = f"{TESTED} (their 95 % interval meets the best's)."
PAIRED = f"{TESTED} (paired bootstrap over users, Holm, p < 0.05)."
SIGNED = f"{TESTED} (p: Wilcoxon signed-rank against the best, Benjamini-Hochberg, p < 0.05)."
UNLIKE = "n: cases, where not all rows of a block have the same."

TABLE2 = {
    "retrieval_hr5": "HR@5\u00a0\u2191",
    "retrieval_ndcg5": "NDCG@5\u00a0\u2191",
    "retrieval_constrained_hr5": "HR@5\u00a0\u2191",
    "retrieval_constrained_ndcg5": "NDCG@5\u00a0\u2191",
    "ranking_ndcg5": "NDCG@5\u00a0\u2191",
    "classification_acc": "Accuracy\u00a0\u2191 (chance 0.5)",
    "history_hcr": "Coverage\u00a0\u2191",
}
TABLE2_UNREAD = {
    "retrieval_hr5": "retrieval_unread",
    "ranking_ndcg5": "ranking_unread",
    "classification_acc": "classification_unread",
    "history_hcr": "reconstruction_unread",
}
"""Under which metric the share of unread answers of its task stands."""

BASELINES = ("random", "popularity")
SURROGATE_METRICS = ("retrieval_hr5", "retrieval_ndcg5", "ranking_ndcg5", "classification_acc")
"""The metrics that surrogates have as well."""
TABLE2_CASES = {
    "retrieval_cases": "retrieval",
    "ranking_cases": "ranking",
    "classification_cases": "classification",
    "reconstruction_cases": "history",
}
BESIDE_HEADINGS = {
    "_expected": "Expected from table 1 and the paper's fields per item",
    "_paper": "In the paper",
}
BESIDE = tuple(BESIDE_HEADINGS)
"""Ends of the columns of table 4 that stand beside the counts."""

RECOMMENDER = {
    f"{metric}{k}": f"{word}@{k}\u00a0\u2191" for metric, word in (("hr", "HR"), ("ndcg", "NDCG")) for k in (5, 10, 20)
}
TITLES = {
    "table1": "Table 1. Data sets",
    "table2": "Table 2. Alignment with the recommender",
    "table3": "Table 3. Quality of the explanations",
    "table4": "Table 4. Samples",
    "recommender": "The target recommender",
    "surrogates": "Without a language model",
    "human": "Ratings by raters",
}
"""The heading of each table's own page."""

Names = Mapping[str, str]
"""What data sets and methods are called, by their names in the tables."""


def typeset(*, table: str, kind: str, settings: Shown, latex: str, html: str) -> None:
    """Write one of our tables as LaTeX and as a page.

    Args:
        table: the CSV.
        kind: which of :data:`KINDS` it is.
        settings: what data sets and methods are called; and what of the run is made up, which both forms say.
        latex: a ``table`` environment, to be ``\\input`` by a document that loads booktabs.
        html: a page with the table as its only ``table`` element.

    Raises:
        InputError: an unknown kind, or the table is missing or not of that kind.
    """
    if kind not in KINDS:
        raise InputError(f"--kind: {kind!r}; expected one of {', '.join(KINDS)}.")
    printed = replace(KINDS[kind](table, settings.names), synthetic=settings.synthetic)
    write_text(latex, to_latex(printed))
    write_text(html, to_page(printed, TITLES[kind]))
    logger.info("%s is in %s and %s", kind, latex, html)


def table1(path: str, names: Names) -> PrintedTable:
    """Return the sizes of the datasets."""
    rows = [
        [Cell(names.get(row["dataset"], row["dataset"]))]
        + [_count(row[name], path, row["dataset"]) for name in COUNTS[:3]]
        + [Cell(_digits(row["sparsity_percent"], 3, path, row["dataset"]) + "%")]
        for row in read_rows(path, ["dataset", *COUNTS])
    ]
    columns = ["Data set", "Users", "Items", "Interactions", "Sparsity"]
    return PrintedTable("The data sets after the filter.", "table1", columns, [Block("", rows)])


def table2(path: str, names: Names) -> PrintedTable:
    """Return the metrics of every system, a block per dataset."""
    rows = read_rows(path, ["dataset", "method", *(name + end for name in TABLE2 for end in ("", "_low", "_high"))])
    groups = [("", 1), ("Retrieval", 2), ("Retrieval in the catalogue", 2), ("Ranking", 1)]
    groups += [("Classification", 1), ("History", 1)]
    shown = []
    for dataset in _unique(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset]
        heading = names.get(dataset, dataset)
        # The same for all rows that have the task.
        cases = {task: next((row[name] for row in own if row.get(name)), "") for name, task in TABLE2_CASES.items()}
        counts = ", ".join(f"{task} {_count(text, path, task).text}" for task, text in cases.items() if text)
        named = f"{heading} (n: {counts})" if counts else heading
        shown.append(_block(named, own, "method", TABLE2, 3, path, names))
        unread = [
            [
                Cell(_label(row["method"], names)),
                *(_percent(row.get(TABLE2_UNREAD.get(name, ""), ""), path) for name in TABLE2),
            ]
            for row in own
            if row["method"] not in BASELINES and any(row.get(name) for name in TABLE2_UNREAD.values())
        ]
        if unread:
            shown.append(Block(f"{heading}: answers in which nothing could be read, percent\u00a0\u2193", unread))
    return PrintedTable(
        "How often each system does what the recommender does, with 95 % intervals (bootstrap over users). HR: hit "
        "ratio; in the catalogue: beams held to the catalogue's titles. Random and Popularity are the references. "
        f"{PAIRED if any(f'{name}_p' in row for row in rows for name in TABLE2) else MARKS}",
        "table2",
        ["Method", *TABLE2.values()],
        shown,
        groups,
    )


def surrogates(path: str, names: Names) -> PrintedTable:
    """Return the metrics of the surrogates and of the LLMs; below them, per LLM, what it adds to each surrogate."""
    metrics = {name: heading for name, heading in TABLE2.items() if name in SURROGATE_METRICS}
    ends = ("", "_low", "_high")
    rows = read_rows(path, ["dataset", "method", "against", *(name + end for name in metrics for end in ends)])
    blocks = []
    for dataset in _unique(row["dataset"] for row in rows):
        heading, own = names.get(dataset, dataset), [row for row in rows if row["dataset"] == dataset]
        blocks.append(_block(heading, [row for row in own if not row["against"]], "method", metrics, 3, path, names))
        for method in _unique(row["method"] for row in own if row["against"]):
            added = [row for row in own if row["against"] and row["method"] == method]
            columns = [_column(added, metric, 3, path, f"{dataset} {method}") for metric in metrics]
            # Which surrogate an LLM is farthest ahead of is no merit.
            body = [
                [Cell(_label(row["against"], names)), *(replace(cell, mark="") for cell in cells)]
                for row, *cells in zip(added, *columns, strict=True)
            ]
            blocks.append(Block(f"{heading}: what {_label(method, names)} adds to", body))
    caption = f"What explains the recommender without an LLM, and what each LLM adds to it. {MARKS}"
    groups = [("", 1), ("Retrieval", 2), ("Ranking", 1), ("Classification", 1)]
    return PrintedTable(caption, "surrogates", ["Method", *metrics.values()], blocks, groups)


def recommender(path: str, names: Names) -> PrintedTable:
    """Return the metrics of the recommenders, a block per dataset."""
    rows = read_rows(path, ["dataset", "model", *(name + end for name in RECOMMENDER for end in ("", "_low", "_high"))])
    blocks = [
        _block(names.get(dataset, dataset), own, "model", RECOMMENDER, 3, path, names)
        for dataset in _unique(row["dataset"] for row in rows)
        for own in [[row for row in rows if row["dataset"] == dataset]]
    ]
    caption = f"The recommenders on each user's last item, with 95 % intervals (bootstrap over users). {MARKS}"
    return PrintedTable(caption, "recommender", ["Model", *RECOMMENDER.values()], blocks)


WORDINESS = {
    "without_reason": "Share of texts without a reason (fewer than ten words beyond the verdict)\u00a0\u2193",
    "repeating": "Share of texts that repeat themselves (distinct bigrams under 0.6)\u00a0\u2193",
}
"""What stands beside the ratings, by its column."""


def table3(path: str, names: Names) -> PrintedTable:
    """Return the mean ratings, a block per judge and a column per dataset, and what counting says of the texts."""
    rows = read_rows(path, ["judge", "method", "dataset", "rating", "rating_low", "rating_high", "cases"])
    datasets = _unique(row["dataset"] for row in rows)
    tested = any(row.get("p_adjusted") for row in rows)
    blocks = []
    for judge in _unique(row["judge"] for row in rows):
        own = {(row["method"], row["dataset"]): row for row in rows if row["judge"] == judge}
        methods = _unique(method for method, _ in own)
        columns = []
        for dataset in datasets:
            own_rows = [own.get((method, dataset)) for method in methods]
            columns.append(_rated(own_rows, path, f"{judge} {dataset}", tested))
        body = [[Cell(_label(method, names)), *cells] for method, *cells in zip(methods, *columns, strict=True)]
        counts = {row["cases"] for row in own.values() if row["rating"]}
        n = f", n = {_count(counts.pop(), path, judge).text}" if len(counts) == 1 else ""
        who = judge_label(judge) + (" (code, no language model)" if judge == "rubric" else "")
        blocks.append(Block(f"Rated by {who}{n}", body))
    for column, heading in WORDINESS.items():
        # The same whoever judges; the controls are rated by one judge alone.
        shown = {
            (row["method"], row["dataset"]): Cell(_digits(row[column], 3, path, f"{row['method']} {column}"))
            for row in rows
            if row.get(column)
        }
        body = [
            [Cell(_label(method, names)), *(shown.get((method, dataset), Cell(NONE)) for dataset in datasets)]
            for method in _unique(method for method, _ in shown)
        ]
        blocks += [Block(heading, body)] if body else []
    return PrintedTable(
        "Mean rating of the explanations, 1 to 4\u00a0\u2191, with 95 % intervals (bootstrap over cases). "
        f"{SIGNED if tested else MARKS} {UNLIKE}",
        "table3",
        ["Method", *(names.get(dataset, dataset) for dataset in datasets)],
        blocks,
        intervals=True,
    )


def _rated(rows: list[dict[str, Any] | None], path: str, what: str, tested: bool) -> list[Cell]:
    """Return the ratings of a column with their p-values; those of the controls are tested and marked by nobody."""
    systems = [row if row and not is_control(row["method"]) else None for row in rows]
    p_values = [number(row["p_adjusted"], path, what) if row else None for row in systems] if tested else None
    cells = _column(rows, "rating", 3, path, what, cases="cases")
    marks = _marks(systems, "rating", p_values, path, what)
    shown = [
        "" if value is None else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
        for value in p_values or [None] * len(rows)
    ]
    return [replace(cell, mark=mark, p=text) for cell, mark, text in zip(cells, marks, shown, strict=True)]


def table4(path: str, names: Names) -> PrintedTable:
    """Return the samples of each task, two columns per dataset; then what is expected, and what the paper has."""
    rows = read_rows(path, ["task"])
    columns = [name for name in rows[0] if name != "task" and not name.endswith(BESIDE)] if rows else []
    pairs = [name.rpartition("_") for name in columns]
    if any(split not in ("train", "test") or not dataset for dataset, _, split in pairs):
        raise InputError(f"{path}: expected the columns task, then dataset_train and dataset_test of each dataset.")
    groups = [(names.get(name, name), len(list(own))) for name, own in groupby(pairs, key=lambda pair: pair[0])]
    tasks = {"sharegpt": "ShareGPT"}

    def lines(end: str, total: bool) -> list[list[Cell]]:
        return [
            [Cell(tasks.get(row["task"], row["task"].capitalize()))]
            + [_count(row.get(name + end, ""), path, f"{row['task']} {name}{end}") for name in columns]
            for row in rows
            if (row["task"] == "total") == total
        ]

    blocks = [Block("", lines("", total)) for total in (False, True)]
    for end, heading in BESIDE_HEADINGS.items():
        if any(row.get(name + end) for row in rows for name in columns):
            blocks.append(Block(heading, lines(end, False) + lines(end, True)))
    return PrintedTable(
        "The samples of each task, in the mode's own form.",
        "table4",
        ["Task", *(split.capitalize() for _, _, split in pairs)],
        [block for block in blocks if block.rows],
        [("", 1), *groups],
    )


def human(path: str, names: Names) -> PrintedTable:
    """Return the mean ratings by people; the caption says so if they are simulated."""
    rows = read_rows(path, ["method", "mean", "low", "high", "n", "source"])
    shown = _column(rows, "mean", 3, path, "mean", ("low", "high"))
    body = [
        [Cell(_label(row["method"], names)), cell, _count(row["n"], path, row["method"])]
        for row, cell in zip(rows, shown, strict=True)
    ]
    made_up = any(row["source"] != "people" for row in rows)
    who = "SIMULATED raters (no people took part)" if made_up else "people"
    caption = f"Mean rating of the explanations by {who}, 1 to 4, with 95 % intervals. {MARKS}"
    columns = ["Method", "Mean rating\u00a0\u2191", "n, ratings"]
    return PrintedTable(caption, "human", columns, [Block("", body)], intervals=True)


KINDS: dict[str, Callable[[str, Names], PrintedTable]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "recommender": recommender,
    "surrogates": surrogates,
    "human": human,
}
"""What can be typeset."""


def _block(
    heading: str,
    rows: list[dict[str, Any]],
    name: str,
    metrics: Mapping[str, str],
    digits: int,
    path: str,
    names: Names,
) -> Block:
    """Return a block of rows, in each column of which the best, and what is not worse, is marked."""
    columns = [_column(rows, metric, digits, path, heading) for metric in metrics]
    body = [[Cell(_label(row[name], names)), *cells] for row, *cells in zip(rows, *columns, strict=True)]
    return Block(heading, body)


def _column(
    rows: Sequence[Mapping[str, Any] | None],
    metric: str,
    digits: int,
    path: str,
    what: str,
    ends: tuple[str, str] | None = None,
    cases: str | None = None,
) -> list[Cell]:
    """Return the cells of one metric, marked; a missing row or number gives :data:`NONE`.

    Where the rows have different numbers of ``cases``, a column, each number has its own beside it.
    """
    counted = [row[cases] if cases and row and row[metric] else "" for row in rows]
    unlike = len(set(filter(None, counted))) > 1
    low, high = ends or (f"{metric}_low", f"{metric}_high")
    tested = any(row and row.get(f"{metric}_p") for row in rows)
    p_values = [number(row[f"{metric}_p"], path, what) if row else None for row in rows] if tested else None
    marks = _marks(rows, metric, p_values, path, what, (low, high))
    cells = []
    for row, mark, count in zip(rows, marks, counted, strict=True):
        text = _digits(row[metric], digits, path, f"{what} {metric}") if row else ""
        interval = None
        if row and text and row[low] and row[high]:
            ends_shown = [_digits(row[end], digits, path, f"{what} {end}") for end in (low, high)]
            interval = ends_shown[0], ends_shown[1]
        n = _count(count, path, f"{what} {cases}").text if unlike and text else ""
        cells.append(Cell(text or NONE, interval, mark, n))
    return cells


def _marks(
    rows: Sequence[Mapping[str, Any] | None],
    metric: str,
    p_values: list[float | None] | None,
    path: str,
    what: str,
    ends: tuple[str, str] | None = None,
) -> list[str]:
    """Return the mark of each row's number, see :func:`recexplainer.paper.printed.not_worse`."""
    low, high = ends or (f"{metric}_low", f"{metric}_high")
    values = [number(row[metric], path, f"{what} {metric}") if row else None for row in rows]
    intervals: list[tuple[float, float] | None] = []
    for row, value in zip(rows, values, strict=True):
        first, last = (
            number(row[end], path, f"{what} {end}") if row and value is not None else None for end in (low, high)
        )
        intervals.append(None if first is None or last is None else (first, last))
    return not_worse(values, p_values, intervals)


def _digits(text: str, digits: int, path: str, what: str) -> str:
    """Return a number with that many digits after the point; "" for none."""
    value = number(text, path, what)
    return "" if value is None else f"{value:.{digits}f}"


def _percent(text: str, path: str) -> Cell:
    """Return a share as percent; nothing for none."""
    value = number(text, path, "a share of unread answers")
    return Cell("" if value is None else f"{100 * value:.1f}")


def _count(text: str, path: str, what: str) -> Cell:
    """Return a whole number with separators."""
    value = number(text, path, what)
    return Cell(NONE if value is None else f"{value:,.0f}")


def _label(method: str, names: Names) -> str:
    return names.get(method) or NAMES.get(method) or system_label(method)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
