"""Figure 3: how people rated the explanations of each system."""

import pandas as pd

from recexplainer.config.evaluation import Resampled
from recexplainer.files import write_csv
from recexplainer.study.collect import load_ratings, source_of
from recexplainer.study.key import read_key
from recexplainer.study.ratings import LEVELS
from recexplainer.tables.human import mean_ratings

COLORS = {1: "#00224e", 2: "#575d6d", 3: "#a59c74", 4: "#fee838"}
"""A colour per level, dark to light (from the cividis scale): in order for every reader, and in print."""


def figure3(
    *, key: str, ratings: str, settings: Resampled, seed: int, synthetic: str = "", output: str, images: list[str]
) -> None:
    """Write the shares of the ratings and draw them.

    Args:
        key: the study's ``key.json``.
        ratings: the Parquet file of :func:`recexplainer.study.collect.collect_ratings`.
        settings: the number of resamples.
        seed: of the resamples; with that of the table of means, the figure has its intervals.
        synthetic: what of it is made up; "" for nothing.
        output: CSV: method, rating, count, share, source (``people`` or ``simulated``).
        images: of the figure; their suffixes give the formats.

    Raises:
        InputError: a file is missing or lacks a column.
    """
    study, frame = read_key(key), load_ratings(ratings)
    shares = distribution(frame, study["systems"]).assign(source=source_of(frame))
    means = mean_ratings(frame, study["systems"], settings.bootstrap, seed)
    write_csv(output, shares.round(4))
    for path in images:
        draw_figure3(
            shares=shares,
            means=means,
            dataset=study["dataset"],
            raters=frame["rater"].nunique(),
            path=path,
            synthetic=synthetic,
        )


def distribution(frame: pd.DataFrame, systems: list[str]) -> pd.DataFrame:
    """Return ``method, rating, count, share`` per system that has ratings and each of the four levels.

    Args:
        frame: of :func:`recexplainer.study.ratings.read_ratings`.
        systems: in the order of the rows.
    """
    rows = []
    for system in systems:
        own = frame.loc[frame["system"] == system, "rating"]
        for level in LEVELS if len(own) else ():
            rows.append([system, level, int((own == level).sum()), float((own == level).mean())])
    return pd.DataFrame(rows, columns=["method", "rating", "count", "share"])


def draw_figure3(
    *, shares: pd.DataFrame, means: pd.DataFrame, dataset: str, raters: int, path: str, synthetic: str = ""
) -> None:
    """Draw the shares of the four levels, and beside them the mean with its interval.

    Args:
        shares: of :func:`distribution`, with ``source``; simulated ratings are called so in
            the title.
        means: ``method, mean, low, high``, in the same order of systems.
        dataset: its name, for the title.
        raters: how many there were.
        path: of the figure; its suffix gives the format.
        synthetic: what of it is made up; "" for nothing.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from recexplainer.style import figure_style, save_figure, system_label

    simulated = shares["source"].iloc[0] == "simulated"
    who = f"{raters} simulated raters: no result" if simulated else f"{raters} raters"
    with figure_style(synthetic):
        figure = Figure(figsize=(7.0, 1.75 + 0.42 * len(means)), layout="constrained")
        bars, dots = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        figure.suptitle(f"Ratings of explanations, {dataset}\n{who}", x=0.01, ha="left", fontweight="bold")
        for place, method in enumerate(means["method"]):
            left = 0.0
            for row in shares[shares["method"] == method].itertuples():
                bars.barh(place, row.share, left=left, height=0.66, color=COLORS[row.rating], edgecolor="white")
                if row.share >= 0.06:
                    ink = "white" if row.rating <= 2 else "black"
                    bars.text(
                        left + row.share / 2, place, f"{row.share:.0%}", ha="center", va="center", color=ink, fontsize=8
                    )
                left += row.share
        bars.set(yticks=range(len(means)), yticklabels=map(system_label, means["method"]), xlim=(0, 1))
        bars.set(xlabel="share of the ratings", xticks=[0, 0.25, 0.5, 0.75, 1])
        bars.set_xticklabels(["0%", "25%", "50%", "75%", "100%"])
        bars.invert_yaxis()
        bars.spines[["left", "bottom"]].set_visible(False)
        bars.tick_params(axis="y", length=0)
        heights = list(range(len(means)))
        dots.hlines(heights, means["low"], means["high"], color="#0072b2")
        dots.plot(means["mean"], heights, "o", color="#0072b2", markersize=6)
        for place, row in enumerate(means.itertuples()):
            dots.annotate(f"{row.mean:.2f}", (row.mean, place), (0, 7), textcoords="offset points", ha="center")
        dots.set(xlim=(0.9, 4.1), xticks=LEVELS, xlabel="mean rating, 95% interval")
        dots.grid(axis="x")
        dots.spines["left"].set_visible(False)
        dots.tick_params(axis="y", length=0)
        handles = [Patch(color=color, label=f"rating {level}") for level, color in COLORS.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        save_figure(figure, path)
