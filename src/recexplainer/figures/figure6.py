"""Figure 6: what each training task is good for (section 3.6). A bar is an alignment without one task's samples."""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from recexplainer.config.evaluation import Ablated
from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.judgement.judgements import load_judgements
from recexplainer.seeds import make_rng
from recexplainer.statistics.intervals import Estimate, estimate
from recexplainer.style import FAINT, INK, MUTED, judge_label, system_label
from recexplainer.tables.table2 import METRICS, common_cases, evaluate
from recexplainer.tables.table3 import Ratings, by_system

logger = logging.getLogger(__name__)

COLUMNS = ["dataset", "mode", "ablation", "metric", "value", "low", "high", "normalised", "cases"]

METRIC_LABELS = {
    "retrieval_hr5": "Retrieval\nHR@5",
    "retrieval_ndcg5": "Retrieval\nNDCG@5",
    "ranking_ndcg5": "Ranking\nNDCG@5",
    "classification_acc": "Classification\naccuracy",
    "history_hcr": "History\ncoverage",
    "explanation_score": "Explanation\nmean rating",
}
"""The metrics of the figure, from left to right."""

ABLATION_LABELS = {
    "full": "all tasks",
    "no_discrimination": "− discrimination",
    "no_reconstruction": "− reconstruction",
    "no_classification": "− classification",
    "no_sharegpt": "− ShareGPT",
    "no_retrieval_ranking": "− retrieval, ranking",
}

OWN_TASK = {
    "no_reconstruction": {"history_hcr"},
    "no_classification": {"classification_acc"},
    "no_retrieval_ranking": {"retrieval_hr5", "retrieval_ndcg5", "ranking_ndcg5"},
}
"""Per ablation the metrics of the tasks that it leaves out: the bars that the paper expects to be short."""


FOOT = 0.55
"""Height of the legend and the note under it, in inches."""


def figure6(
    *,
    predictions: list[str],
    rows: Sequence[Sequence[str]],
    judgements: Sequence[str],
    judgement_datasets: Sequence[str],
    settings: Ablated,
    seed: int,
    output: str,
    images: list[str],
) -> None:
    """Evaluate the ablations, write the numbers and draw the figure.

    Args:
        predictions: one folder of predictions per system.
        rows: dataset, mode and ablation of each, in the same order; ``full`` is the alignment with every task.
        judgements: files of one judge. A dataset may have several (the ablations are judged apart from the systems of
            table 3); [] leaves the rating of explanations out.
        judgement_datasets: the dataset of each, in the same order.
        settings: the number of resamples, how titles of a history are counted, what a dataset is called in the figure,
            and what of it is made up.
        seed: of the resamples.
        output: the CSV to write, one row per system and metric with the columns :data:`COLUMNS`. ``low`` and ``high``
            are the ends of the 95 % interval, ``normalised`` is the value by the highest one among the ablations of the
            same dataset, mode and metric. What does not apply to a system is empty. The ablations of a dataset and mode
            are compared on the same ``cases``, those that all of them have, or that are rated for all of them.
        images: the images to write, ``.svg``, ``.pdf`` or ``.png``.

    Raises:
        InputError: the lists do not fit each other, or a file is missing, or a system has not been judged.
    """
    if len(predictions) != len(rows):
        raise InputError(f"--predictions: {len(predictions)} folders for {len(rows)} --rows; expected one each.")
    ratings, judge = _ratings(judgements, judgement_datasets)
    table = []
    groups = [(dataset, mode) for dataset, mode, _ in rows]
    cases, rated = common_cases(predictions, groups), _commonly_rated(ratings, rows)
    for folder, (dataset, mode, ablation) in zip(predictions, rows, strict=True):
        own = cases[dataset, mode]
        metrics = evaluate(
            folder, resamples=settings.bootstrap, coverage_counts=settings.coverage_counts, seed=seed, cases=own
        )
        metrics = {name: metrics[name] for name in METRICS}
        if dataset in ratings:
            chosen = {case: ratings[dataset][f"{mode}-{ablation}"][case] for case in rated[dataset, mode]}
            metrics["explanation_score"] = _score(chosen, settings.bootstrap, seed, dataset)
        else:
            metrics["explanation_score"] = None
        for name in METRIC_LABELS:
            measured = metrics[name]
            table.append(
                {"dataset": dataset, "mode": mode, "ablation": ablation, "metric": name}
                | {key: measured and getattr(measured, key) for key in ("low", "high", "cases")}
                | {"value": measured and measured.mean}
            )
    frame = normalise(pd.DataFrame(table))
    shown = frame.copy()
    shown[["value", "low", "high", "normalised"]] = shown[["value", "low", "high", "normalised"]].astype(float).round(4)
    write_csv(output, shown.astype({"cases": "Int64"}))
    for image in images:
        draw_figure6(frame, settings.names, judge, image, settings.synthetic)
    logger.info("figure 6, %d systems, in %s", len(rows), output)


def _ratings(paths: Sequence[str], datasets: Sequence[str]) -> tuple[dict[str, Ratings], str]:
    """Return the ratings per dataset, system and case, and the name of the one judge; "" without files."""
    if len(paths) != len(datasets):
        raise InputError(f"--judgements: {len(paths)} files for {len(datasets)} datasets; expected one of each.")
    ratings: dict[str, Ratings] = {}
    judges: set[str] = set()
    for path, dataset in zip(paths, datasets, strict=True):
        own = load_judgements(path)
        judges |= {row["judge"] for row in own}
        if len(judges) > 1:
            names = ", ".join(sorted(judges))
            raise InputError(f"{path}: ratings of {names} cannot be compared; expected those of one judge.")
        ratings.setdefault(dataset, {}).update(by_system(own))
    return ratings, next(iter(judges), "")


def _commonly_rated(ratings: dict[str, Ratings], rows: Sequence[Sequence[str]]) -> dict[tuple[str, str], list[str]]:
    """Return, for each dataset and mode, the cases with a rating of every ablation that has any; one may have none.

    Raises:
        InputError: a system has not been judged.
    """
    shared: dict[tuple[str, str], list[str]] = {}
    for dataset, mode, ablation in rows:
        if dataset not in ratings:
            continue
        if f"{mode}-{ablation}" not in ratings[dataset]:
            raise InputError(f"--judgements: no judgement of {mode}-{ablation} for {dataset}. Judge its explanations.")
        own = ratings[dataset][f"{mode}-{ablation}"]
        known = shared.setdefault((dataset, mode), list(own))
        if any(rating is not None for rating in own.values()):
            shared[dataset, mode] = [case for case in known if own.get(case) is not None]
    return shared


def _score(ratings: dict[str, int | None], resamples: int, seed: int, dataset: str) -> Estimate | None:
    """Return the mean of the ratings of some cases; None if every judgement of them has failed."""
    values = [rating for rating in ratings.values() if rating is not None]
    if not values:
        return None
    return estimate(values, range(len(values)), resamples, make_rng(seed, "bootstrap", dataset))


def normalise(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``normalised``: the value by the highest one of the dataset, mode and metric; empty where that is not over 0.

    Args:
        frame: with ``dataset, mode, ablation, metric, value``.
    """
    value = frame["value"].astype(float)
    highest = value.groupby([frame["dataset"], frame["mode"], frame["metric"]], sort=False).transform("max")
    return frame.assign(normalised=(value / highest).where(highest > 0))[COLUMNS]


def draw_figure6(frame: pd.DataFrame, names: dict[str, str], judge: str, path: str, synthetic: str = "") -> None:
    """Draw one row of panels per dataset and mode, one panel per metric with its own scale, one bar per ablation.

    The bars that belong to the ablation's own task are hatched as well as coloured, so that they stand out in print.

    Args:
        frame: with the columns :data:`COLUMNS`.
        names: what a dataset is called; one without an entry goes by its own name.
        judge: whose ratings the last panel shows.
        path: of the figure; its suffix gives the format.
        synthetic: what of it is made up; "" for nothing.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from recexplainer.style import figure_style, save_figure

    groups = list(frame.groupby(["dataset", "mode"], sort=False))
    heights = [0.95 + 0.24 * group["ablation"].nunique() for _, group in groups]
    with figure_style(synthetic):
        figure = Figure(figsize=(9.6, sum(heights) + FOOT), layout="constrained")
        *parts, foot = figure.subfigures(len(groups) + 1, 1, height_ratios=[*heights, FOOT])
        for part, ((dataset, mode), group) in zip(parts, groups, strict=True):
            title = f"{names.get(dataset, dataset)}, {system_label(mode)}"
            part.suptitle(title, x=0.01, ha="left", fontsize=10.5, fontweight="bold")
            panels = part.subplots(1, len(METRIC_LABELS), sharey=True)
            for panel, (metric, label) in zip(panels, METRIC_LABELS.items(), strict=True):
                _draw_panel(panel, group[group["metric"] == metric], metric, label, _scale(frame, metric))
        handles = [
            Patch(facecolor="#0072b2", label="all tasks"),
            Patch(facecolor="#a9aeb6", label="one task left out"),
            Patch(facecolor="#e69f00", edgecolor="white", hatch="////", label="the task of this metric left out"),
        ]
        foot.legend(handles=handles, loc="upper center", ncols=3)
        note = "Bars: the values, with 95 % intervals; the scale of a metric is the same for all data sets."
        note += f" Ratings by {judge_label(judge)}." if judge else ""
        foot.text(0.5, 0.05, note, ha="center", va="bottom", fontsize=8, color=MUTED)
        save_figure(figure, path)


def _scale(frame: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Return the ends of a metric's scale: those of ratings are 1 and 4, others begin at 0 and end above all values."""
    if metric == "explanation_score":
        return 1.0, 4.0
    own = frame[frame["metric"] == metric][["value", "high"]].astype(float)
    highest = float(own.max().max())
    return 0.0, 1.0 if pd.isna(highest) or highest > 0.5 or highest <= 0 else highest * 1.05


def _draw_panel(panel: Any, rows: pd.DataFrame, metric: str, label: str, scale: tuple[float, float]) -> None:
    """Draw the bars of one metric, the first ablation on top."""
    from matplotlib.ticker import MaxNLocator

    cases = rows["cases"].dropna()
    title = f"{label}, n = {int(cases.iloc[0])}" if len(cases) else label
    panel.set_title(title, fontsize=8.5, fontweight="normal", pad=4)
    least, most = scale
    # The room right of the scale is for the numbers.
    panel.set(xlim=(least, least + 1.62 * (most - least)), ylim=(len(rows) - 0.4, -0.6))
    ticks = [tick for tick in MaxNLocator(3).tick_values(least, most) if least <= tick <= most * 1.001]
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.set_yticks(range(len(rows)), [ABLATION_LABELS.get(name, name) for name in rows["ablation"]])
    panel.tick_params(axis="y", length=0)
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.vlines(ticks, -0.6, len(rows) - 0.4, color=FAINT, linewidth=0.6, zorder=0)
    if rows["value"].isna().all():
        where = (least + (most - least) / 2, (len(rows) - 1) / 2)
        panel.annotate("not measured", where, ha="center", va="center", color=MUTED, fontsize=8, rotation=90)
        return
    step = (most - least) * 0.05
    for place, row in enumerate(rows.itertuples()):
        if pd.isna(row.value):
            panel.text(least + step, place, "–", va="center", color=MUTED, fontsize=8)
            continue
        own = metric in OWN_TASK.get(row.ablation, ())
        color = "#0072b2" if row.ablation == "full" else "#e69f00" if own else "#a9aeb6"
        hatch = "////" if own else ""
        panel.barh(place, row.value - least, 0.7, left=least, color=color, edgecolor="white", linewidth=0, hatch=hatch)
        panel.hlines(place, row.low, row.high, color=INK, linewidth=1.1)
        panel.text(max(row.high, row.value) + step, place, f"{row.value:.3f}", va="center", fontsize=7.5)
