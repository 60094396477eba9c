"""The comparison with the paper in the shape of the paper's own tables: its number and ours in each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recexplainer.about import PAPER_DATASETS
from recexplainer.pages import verdict_mark

METHODS = {
    "random": "Random",
    "popularity": "Popularity",
    "vicuna-7b": "Base LLM (Vicuna-7B)",
    "chatgpt": "ChatGPT",
    "behavior": "RecExplainer-B",
    "intention": "RecExplainer-I",
    "hybrid": "RecExplainer-H",
}
METRICS = {
    "retrieval_hr5": "Retrieval HR@5\u00a0↑",
    "retrieval_ndcg5": "Retrieval NDCG@5\u00a0↑",
    "ranking_ndcg5": "Ranking NDCG@5\u00a0↑",
    "classification_acc": "Classification accuracy\u00a0↑ (chance 0.5)",
    "history_hcr": "History coverage\u00a0↑",
    "rating": "Mean rating, 1 to 4\u00a0↑",
    "users": "Users",
    "items": "Items",
    "interactions": "Interactions",
    "sparsity_percent": "Sparsity, %",
}
"""What the numbers of the paper's tables are called, with an arrow in the better direction."""

MEASURED = ("2", "3")
"""The tables that have a row for each method."""

COMPARED = ("within", "outside")
"""The verdicts of numbers that were compared."""

TITLES = {
    "1": "Table 1: the data sets",
    "2": "Table 2: alignment with the recommender",
    "3": "Table 3: ratings of the explanations by GPT-4",
    "4": "Table 4: samples of each task",
}


@dataclass(frozen=True)
class Pair:
    """A cell: the paper's number, ours with its interval, and the verdict with the class of its mark."""

    paper: str
    ours: str = ""
    interval: str = ""
    verdict: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Part:
    """The numbers of one data set of the paper: its name, and rows of a name and one cell per column, None for none."""

    heading: str
    rows: list[tuple[str, list[Pair | None]]]


@dataclass(frozen=True)
class Grid:
    """One table of the paper: its title, headings, and parts."""

    title: str
    columns: list[str]
    parts: list[Part]


def metric_name(metric: str) -> str:
    """Return what a number is called: ``Retrieval, train`` for ``retrieval_train``."""
    return METRICS.get(metric) or metric.replace("_", ", ").capitalize().replace("Sharegpt", "ShareGPT")


def dataset_name(dataset: str) -> str:
    """Return what the paper calls a data set; its conversations are those of ShareGPT."""
    return PAPER_DATASETS.get(dataset) or {"sharegpt": "ShareGPT"}.get(dataset, dataset)


def grids(rows: Sequence[Mapping[str, str]], compared: bool) -> list[Grid]:
    """Return the paper's tables, each a grid; those without a cell are left out.

    Args:
        rows: of ``paper_vs_ours.csv``, as texts; tables 2 and 3 come first, then those of counts.
        compared: the data sets of which a number was compared; else the others, with the paper's numbers alone: a
            number of generated or other data stands nowhere beside one of the paper's.
    """
    keys = list(dict.fromkeys((row["table"], row["dataset"]) for row in rows))
    own = {key: [row for row in rows if (row["table"], row["dataset"]) == key] for key in keys}
    chosen = [key for key in keys if any(row["verdict"] in COMPARED for row in own[key]) == compared]
    result = []
    for table in sorted(dict.fromkeys(table for table, _ in chosen), key=lambda one: (one not in MEASURED, one)):
        named = [dataset for one, dataset in chosen if one == table]
        by_method = table in MEASURED
        columns = list(dict.fromkeys(row["metric"] for name in named for row in own[table, name]))
        parts = []
        for name in named:
            cells = {(row["method"], row["metric"]): _pair(row, compared) for row in own[table, name]}
            if by_method:
                methods = dict.fromkeys(method for method, _ in cells)
                shown = [(METHODS.get(one, one), [cells.get((one, metric)) for metric in columns]) for one in methods]
            else:
                shown = [(metric_name(metric), [cells["", metric]]) for metric in columns if ("", metric) in cells]
            parts.append(Part(dataset_name(name), shown))
        headings = [metric_name(metric) for metric in columns] if by_method else ["Number"]
        result.append(Grid(TITLES.get(table, f"Table {table}"), headings, parts))
    return result


def _pair(row: Mapping[str, str], compared: bool) -> Pair:
    digits = 0 if row["table"] in ("1", "4") and row["metric"] != "sparsity_percent" else 3
    if not compared:
        return Pair(_shown(row["paper"], digits))
    if row["verdict"] not in COMPARED:
        return Pair(_shown(row["paper"], digits), verdict=row["verdict"], mark=verdict_mark(row["verdict"]))
    ends = [_shown(row[end], digits) for end in ("low", "high") if row.get(end)]
    ours = _shown(row["ours"], digits)
    return Pair(_shown(row["paper"], digits), ours, "–".join(ends), row["verdict"], verdict_mark(row["verdict"]))


def _shown(text: str, digits: int) -> str:
    return f"{float(text):,.{digits}f}"


def left_out(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return the paper's data sets of which table 2 was not compared, each with the reason."""
    verdicts: dict[str, set[str]] = {}
    for row in rows:
        if row["table"] == "2":
            verdicts.setdefault(row["dataset"], set()).add(row["verdict"])
    why = {True: "the data of that name in this run are generated", False: "not run"}
    return [(dataset_name(name), why["synthetic" in own]) for name, own in verdicts.items() if not own & set(COMPARED)]
