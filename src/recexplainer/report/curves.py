"""Learning curves: SASRec's validation, and the loss of each alignment."""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from recexplainer.config.shown import Shown
from recexplainer.errors import InputError
from recexplainer.figures.figure6 import ABLATION_LABELS
from recexplainer.files import read_csv, write_csv
from recexplainer.style import MUTED, SPARE_COLORS, SYSTEM_COLORS, system_label

logger = logging.getLogger(__name__)

POINTS = 100
"""How many points a loss curve keeps: each is the mean of its share of the steps."""

COLUMNS = ["stage", "dataset", "mode", "ablation", "unit", "at", "quantity", "value"]


def learning_curves(
    *,
    curves: Sequence[str],
    datasets: Sequence[str],
    losses: Sequence[str],
    runs: Sequence[Sequence[str]],
    settings: Shown,
    output: str,
    images: list[str],
) -> None:
    """Draw the curves and write their points.

    Args:
        curves: SASRec's ``curve.csv``, one per dataset: ``epoch, train_loss, validation_ndcg10``.
        datasets: the dataset of each, in the same order.
        losses: ``loss.csv`` of each alignment: ``step, loss, lr, tokens``.
        runs: dataset, mode and ablation of each, in the same order. ``full.7`` is a repetition with another seed.
        settings: what a dataset is called in the figure, and what of it is made up.
        output: the CSV to write, one row per point, with the columns :data:`COLUMNS`. Losses are means over stretches
            of steps, :data:`POINTS` at most; ``at`` is the last step of each.
        images: the images to write, ``.svg``, ``.pdf`` or ``.png``.

    Raises:
        InputError: the lists do not fit each other, or a file is missing, or lacks a column.
    """
    if len(curves) != len(datasets) or len(losses) != len(runs):
        raise InputError("--curves and --losses: expected one file for each of --datasets and --runs.")
    tables = []
    for path, dataset in zip(curves, datasets, strict=True):
        table = read_curve(path, ["epoch", "train_loss", "validation_ndcg10"])
        for quantity in ("train_loss", "validation_ndcg10"):
            tables.append(
                pd.DataFrame({"at": table["epoch"], "value": table[quantity]}).assign(
                    stage="recommender", dataset=dataset, mode=None, ablation=None, unit="epoch", quantity=quantity
                )
            )
    for path, (dataset, mode, ablation) in zip(losses, runs, strict=True):
        tables.append(
            shorten(read_curve(path, ["step", "loss"])).assign(
                stage="alignment", dataset=dataset, mode=mode, ablation=ablation, unit="step", quantity="loss"
            )
        )
    if not tables:
        raise InputError("--curves and --losses: no file at all; expected at least one.")
    frame = pd.concat(tables, ignore_index=True)[COLUMNS]
    write_csv(output, frame.round({"value": 6}))
    for image in images:
        draw_curves(frame, settings.names, image, settings.synthetic)
    logger.info("%d curves in %s", len(tables), output)


def read_curve(path: str, columns: list[str]) -> pd.DataFrame:
    """Read a CSV file that must have a row, and some columns of numbers.

    Raises:
        InputError: the file is missing or damaged, or has no such column.
    """
    frame = read_csv(path)
    missing = [name for name in columns if name not in frame]
    if missing or frame.empty:
        what = f"column {missing[0]!r} is missing" if missing else "no rows"
        raise InputError(f"{path}: {what}; expected the columns {', '.join(columns)}. Run its stage again.")
    for name in columns:
        if not pd.api.types.is_numeric_dtype(frame[name]) or frame[name].isna().any():
            raise InputError(f"{path}: column {name!r} holds something else than numbers. Run its stage again.")
    return frame


def shorten(losses: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """Return ``at, value``: the mean loss of stretches of steps, as long as each other but for one step.

    Args:
        losses: ``step, loss``, one row per step.
        points: how many stretches; a shorter file is kept as it is.
    """
    count = len(losses)
    groups = losses.reset_index(drop=True).groupby(lambda row: row * min(points, count) // count)
    return pd.DataFrame({"at": groups["step"].last(), "value": groups["loss"].mean()})


def draw_curves(frame: pd.DataFrame, names: dict[str, str], path: str, synthetic: str = "") -> None:
    """Draw rows of panels: SASRec per dataset, the alignments per dataset, the ablations per dataset and mode.

    Args:
        frame: with the columns :data:`COLUMNS`.
        names: what a dataset is called; one without an entry goes by its own name.
        path: of the figure; its suffix gives the format.
        synthetic: what of it is made up; "" for nothing.
    """
    from matplotlib.figure import Figure

    from recexplainer.style import figure_style, save_figure

    whole = frame["ablation"].fillna("").str.partition(".")[0]
    recommender = frame[frame["quantity"] == "validation_ndcg10"]
    alignments = frame[(frame["stage"] == "alignment") & (whole == "full")]
    ablated = [group for _, group in frame[(frame["stage"] == "alignment")].groupby(["dataset", "mode"], sort=False)]
    ablated = [group for group in ablated if not group["ablation"].str.startswith("full").all()]
    rows = [
        [(_draw_validation, group) for _, group in recommender.groupby("dataset", sort=False)],
        [(_draw_losses, group) for _, group in alignments.groupby("dataset", sort=False)],
        [(_draw_ablations, group) for group in ablated],
    ]
    rows = [row for row in rows if row]
    columns = max(map(len, rows))
    with figure_style(synthetic):
        figure = Figure(figsize=(max(5.6, 3.4 * columns), 2.65 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for row, panels in zip(rows, axes, strict=True):
            for (draw, group), panel in zip(row, panels, strict=False):
                draw(panel, group, names)
                panel.grid(axis="y")
                panel.margins(x=0.02)
            for panel in panels[len(row) :]:
                panel.set_visible(False)
        figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)
        save_figure(figure, path)


def _name(group: pd.DataFrame, names: dict[str, str]) -> str:
    dataset = group["dataset"].iloc[0]
    return names.get(dataset, dataset)


def _draw_validation(panel: Any, group: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw the validation of one recommender, and mark the epoch that is kept."""
    panel.plot(group["at"], group["value"], color="#0072b2", marker="." if len(group) < 60 else None)
    best = group.loc[group["value"].idxmax()]
    panel.plot(best["at"], best["value"], "o", color="#d55e00", markersize=6, zorder=3)
    note = f"kept: epoch {best['at']}, {best['value']:.3f}"
    panel.text(0.98, 0.06, note, transform=panel.transAxes, ha="right", fontsize=8.5)
    panel.set(title=f"SASRec\n{_name(group, names)}", xlabel="epoch", ylabel="validation NDCG@10")


def _draw_losses(panel: Any, group: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw the losses of one dataset's alignments; repetitions with other seeds are thin and not named."""
    for (mode, ablation), run in group.groupby(["mode", "ablation"], sort=False):
        first = ablation == "full"
        panel.plot(
            run["at"],
            run["value"],
            color=SYSTEM_COLORS.get(mode, MUTED),
            linewidth=1.6 if first else 0.7,
            linestyle={"behavior": "-", "intention": (0, (5, 1.5)), "hybrid": "-."}.get(mode, "-"),
            label=system_label(mode) if first else None,
        )
    panel.set(title=f"Alignment\n{_name(group, names)}", xlabel="step", ylabel="training loss", yscale="log")
    _plain_ticks(panel)
    panel.legend()


def _draw_ablations(panel: Any, group: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw the losses of the ablations of one mode, beside the alignment with every task."""
    styles = ["-", (0, (5, 1.5)), "-.", (0, (1, 1)), (0, (6, 1.5, 1, 1.5, 1, 1.5))]
    left = 0
    for ablation, run in group.groupby("ablation", sort=False):
        if ablation.startswith("full."):
            continue
        color, style = ("#0072b2", "-") if ablation == "full" else (_ABLATED[left % 5], styles[left % 5])
        left += ablation != "full"
        label = ABLATION_LABELS.get(ablation, ablation)
        panel.plot(run["at"], run["value"], color=color, linestyle=style, linewidth=1.3, label=label)
    title = f"Ablations of {system_label(group['mode'].iloc[0])}\n{_name(group, names)}"
    panel.set(title=title, xlabel="step", ylabel="training loss", yscale="log")
    _plain_ticks(panel)
    panel.legend(fontsize=7.5)


_ABLATED = (*SPARE_COLORS[:2], "#cc79a7", "#e69f00", "#000000")


def _plain_ticks(panel: Any) -> None:
    """Label a logarithmic axis with a few plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
