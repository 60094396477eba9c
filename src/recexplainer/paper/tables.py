"""Our CSV tables as tables for readers: what is a row, what is a column, how many digits, what is best."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby

from recexplainer.errors import InputError
from recexplainer.files import write_text
from recexplainer.paper.numbers import COUNTS, number, read_rows
from recexplainer.paper.sheet import Block, Cell, Sheet, marks, to_html, to_latex
from recexplainer.style import system_label

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
MARKS = "Bold: the best; underlined: the second best."
UNLIKE = "n: cases, where not all rows of a block have the same."

TABLE2 = {
    "retrieval_hr5": "H@5",
    "retrieval_ndcg5": "N@5",
    "retrieval_constrained_hr5": "H@5",
    "retrieval_constrained_ndcg5": "N@5",
    "ranking_ndcg5": "N@5",
    "classification_acc": "Acc.",
    "history_hcr": "HCR",
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
    "_expected": "expected from table 1 and the paper's fields per item",
    "_paper": "in the paper",
}
BESIDE = tuple(BESIDE_HEADINGS)
"""Ends of the columns of table 4 that stand beside the counts."""

RECOMMENDER = {f"{metric}{k}": f"{letter}@{k}" for metric, letter in (("hr", "H"), ("ndcg", "N")) for k in (5, 10, 20)}


def typeset(table: str, kind: str, latex: str, html: str) -> None:
    """Write one of our tables as LaTeX and as HTML.

    Args:
        table: the CSV.
        kind: which of :data:`KINDS` it is.
        latex: a ``table`` environment, to be ``\\input`` by a document that loads booktabs.
        html: a ``table`` element, to be put into a page.

    Raises:
        InputError: an unknown kind, or the table is missing or not of that kind.
    """
    if kind not in KINDS:
        raise InputError(f"--kind: {kind!r}; expected one of {', '.join(KINDS)}.")
    sheet = KINDS[kind](table)
    write_text(latex, to_latex(sheet))
    write_text(html, to_html(sheet))
    logger.info("%s is in %s and %s", kind, latex, html)


def table1(path: str) -> Sheet:
    """Return the sizes of the datasets."""
    rows = [
        [Cell(row["dataset"])]
        + [_count(row[name], path, row["dataset"]) for name in COUNTS[:3]]
        + [Cell(_digits(row["sparsity_percent"], 3, path, row["dataset"]) + "%")]
        for row in read_rows(path, ["dataset", *COUNTS])
    ]
    columns = ["Dataset", "Users", "Items", "Interactions", "Sparsity"]
    return Sheet("The data sets after the filter.", "table1", columns, [Block("", rows)])


def table2(path: str) -> Sheet:
    """Return the metrics of every system, a block per dataset."""
    rows = read_rows(path, ["dataset", "method", *(name + end for name in TABLE2 for end in ("", "_low", "_high"))])
    groups = [("", 1), ("Retrieval", 2), ("Constrained", 2), ("Ranking", 1), ("Class.", 1), ("History", 1)]
    shown = []
    for block in _blocks(rows, "dataset", "method", TABLE2, 4, path):
        own = [row for row in rows if row["dataset"] == block.heading]
        # The same for all rows that have the task.
        cases = {task: next((row[name] for row in own if row.get(name)), "") for name, task in TABLE2_CASES.items()}
        counts = ", ".join(f"{task} {_count(text, path, task).text}" for task, text in cases.items() if text)
        shown.append(Block(f"{block.heading} (cases: {counts})" if counts else block.heading, block.rows))
        unread = [
            [
                Cell(_label(row["method"])),
                *(_percent(row.get(TABLE2_UNREAD.get(name, ""), ""), path) for name in TABLE2),
            ]
            for row in own
            if row["method"] not in BASELINES and any(row.get(name) for name in TABLE2_UNREAD.values())
        ]
        if unread:
            shown.append(Block(f"{block.heading}: answers in which nothing could be read, percent", unread))
    return Sheet(
        f"Alignment with the recommender. Constrained: retrieval held to the catalogue's titles. {MARKS}",
        "table2",
        ["Method", *TABLE2.values()],
        shown,
        groups,
    )


def surrogates(path: str) -> Sheet:
    """Return the metrics of the surrogates and of the LLMs; below them, per LLM, what it adds to each surrogate."""
    metrics = {name: heading for name, heading in TABLE2.items() if name in SURROGATE_METRICS}
    ends = ("", "_low", "_high")
    rows = read_rows(path, ["dataset", "method", "against", *(name + end for name in metrics for end in ends)])
    blocks = []
    for block in _blocks([row for row in rows if not row["against"]], "dataset", "method", metrics, 4, path):
        blocks.append(block)
        own = [row for row in rows if row["dataset"] == block.heading and row["against"]]
        for method in _unique(row["method"] for row in own):
            added = [row for row in own if row["method"] == method]
            columns = [_column(added, metric, 4, path, f"{block.heading} {method}") for metric in metrics]
            # Which surrogate an LLM is farthest ahead of is no merit.
            body = [
                [Cell(_label(row["against"])), *(replace(cell, mark="") for cell in cells)]
                for row, *cells in zip(added, *columns, strict=True)
            ]
            blocks.append(Block(f"{block.heading}: {_label(method)} less", body))
    caption = f"What explains the recommender without an LLM, and what each LLM adds to it. {MARKS}"
    groups = [("", 1), ("Retrieval", 2), ("Ranking", 1), ("Class.", 1)]
    return Sheet(caption, "surrogates", ["Method", *metrics.values()], blocks, groups)


def recommender(path: str) -> Sheet:
    """Return the metrics of the recommenders, a block per dataset."""
    rows = read_rows(path, ["dataset", "model", *(name + end for name in RECOMMENDER for end in ("", "_low", "_high"))])
    return Sheet(
        f"The recommenders on the test items. {MARKS}",
        "recommender",
        ["Model", *RECOMMENDER.values()],
        _blocks(rows, "dataset", "model", RECOMMENDER, 4, path),
    )


WORDINESS = {
    "without_reason": "Share of texts without a reason (fewer than ten words beyond the verdict)",
    "repeating": "Share of texts that repeat themselves (distinct bigrams under 0.6)",
}
"""What stands beside the ratings, by its column."""


def table3(path: str) -> Sheet:
    """Return the mean ratings, a block per judge and a column per dataset, and what counting says of the texts."""
    rows = read_rows(path, ["judge", "method", "dataset", "rating", "rating_low", "rating_high", "cases"])
    datasets = _unique(row["dataset"] for row in rows)
    blocks = []
    for judge in _unique(row["judge"] for row in rows):
        own = {(row["method"], row["dataset"]): row for row in rows if row["judge"] == judge}
        methods = _unique(method for method, _ in own)
        columns = []
        for dataset in datasets:
            found = [own.get((method, dataset)) for method in methods]
            columns.append(_column(found, "rating", 3, path, f"{judge} {dataset}", cases="cases"))
        body = [[Cell(_label(method)), *cells] for method, *cells in zip(methods, *columns, strict=True)]
        blocks.append(Block(f"Rated by {judge}", body))
    for column, heading in WORDINESS.items():
        # The same whoever judges; the controls are rated by one judge alone.
        own = {(row["method"], row["dataset"]): row[column] for row in rows if row.get(column)}
        shown = {key: Cell(_digits(value, 2, path, f"{key[0]} {column}")) for key, value in own.items()}
        body = [
            [Cell(_label(method)), *(shown.get((method, dataset), Cell(NONE)) for dataset in datasets)]
            for method in _unique(method for method, _ in own)
        ]
        blocks += [Block(heading, body)] if body else []
    return Sheet(
        f"Mean rating of the explanations, 1 to 4, with 95 % intervals. {MARKS} {UNLIKE}",
        "table3",
        ["Method", *datasets],
        blocks,
        intervals=True,
    )


def table4(path: str) -> Sheet:
    """Return the samples of each task, two columns per dataset; then what is expected, and what the paper has."""
    rows = read_rows(path, ["task"])
    columns = [name for name in rows[0] if name != "task" and not name.endswith(BESIDE)] if rows else []
    pairs = [name.rpartition("_") for name in columns]
    if any(split not in ("train", "test") or not dataset for dataset, _, split in pairs):
        raise InputError(f"{path}: expected the columns task, then dataset_train and dataset_test of each dataset.")
    groups = [(dataset, len(list(own))) for dataset, own in groupby(pairs, key=lambda pair: pair[0])]
    names = {"sharegpt": "ShareGPT"}

    def lines(end: str, total: bool) -> list[list[Cell]]:
        return [
            [Cell(names.get(row["task"], row["task"].capitalize()))]
            + [_count(row.get(name + end, ""), path, f"{row['task']} {name}{end}") for name in columns]
            for row in rows
            if (row["task"] == "total") == total
        ]

    blocks = [Block("", lines("", total)) for total in (False, True)]
    for end, heading in BESIDE_HEADINGS.items():
        if any(row.get(name + end) for row in rows for name in columns):
            blocks.append(Block(heading, lines(end, False) + lines(end, True)))
    return Sheet(
        "The samples of each task, in the mode's own form.",
        "table4",
        ["Task", *(split.capitalize() for _, _, split in pairs)],
        [block for block in blocks if block.rows],
        [("", 1), *groups],
    )


def human(path: str) -> Sheet:
    """Return the mean ratings by people; the caption says so if they are simulated."""
    rows = read_rows(path, ["method", "mean", "low", "high", "n", "source"])
    shown = _column(rows, "mean", 3, path, "mean", ("low", "high"))
    body = [
        [Cell(_label(row["method"])), cell, _count(row["n"], path, row["method"])]
        for row, cell in zip(rows, shown, strict=True)
    ]
    made_up = any(row["source"] != "people" for row in rows)
    who = "SIMULATED raters (no people took part)" if made_up else "people"
    caption = f"Mean rating of the explanations by {who}, 1 to 4, with 95 % intervals. {MARKS}"
    return Sheet(caption, "human", ["Method", "Rating", "Ratings"], [Block("", body)], intervals=True)


KINDS: dict[str, Callable[[str], Sheet]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "recommender": recommender,
    "surrogates": surrogates,
    "human": human,
}
"""What can be typeset."""


def _blocks(rows: list[dict], block: str, name: str, metrics: dict[str, str], digits: int, path: str) -> list[Block]:
    """Return a block per value of a column; within it, the best of each metric is marked."""
    blocks = []
    for heading in _unique(row[block] for row in rows):
        own = [row for row in rows if row[block] == heading]
        columns = [_column(own, metric, digits, path, heading) for metric in metrics]
        blocks.append(
            Block(
                heading,
                [[Cell(_label(row[name])), *cells] for row, *cells in zip(own, *columns, strict=True)],
            )
        )
    return blocks


def _column(
    rows: list[dict | None],
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
    shown = [_digits(row[metric], digits, path, f"{what} {metric}") if row else "" for row in rows]
    cells = []
    for row, text, mark, count in zip(rows, shown, marks(shown), counted, strict=True):
        interval = None
        if row and text and row[low] and row[high]:
            interval = tuple(_digits(row[end], digits, path, f"{what} {end}") for end in (low, high))
        n = _count(count, path, f"{what} {cases}").text if unlike and text else ""
        cells.append(Cell(text or NONE, interval, mark, n))
    return cells


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


def _label(method: str) -> str:
    return NAMES.get(method) or system_label(method)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
