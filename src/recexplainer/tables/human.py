"""The mean of people's ratings per system, and the agreement of raters and judges (section 3.4)."""

import logging
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from recexplainer.config.shown import Tabled
from recexplainer.files import read_parquet, write_csv
from recexplainer.seeds import make_rng
from recexplainer.statistics.agreement import krippendorff_alpha, spearman, weighted_kappa
from recexplainer.statistics.intervals import estimate
from recexplainer.study.collect import load_ratings, source_of
from recexplainer.study.key import read_key

logger = logging.getLogger(__name__)


def table_human(
    *,
    key: str,
    ratings: str,
    judgements: Sequence[str],
    settings: Tabled,
    seed: int,
    human: str,
    agreement: str,
) -> None:
    """Write the systems' mean ratings, and who agrees with whom.

    Args:
        key: the study's ``key.json``.
        ratings: the Parquet file of :func:`recexplainer.study.collect.collect_ratings`.
        judgements: the Parquet files of the judges to compare with, of the study's dataset.
        settings: the number of resamples, and what systems are called in the table of means.
        seed: of the resamples, which are the same for every system.
        human: CSV: method, mean, low, high (95 % bootstrap over cases), n (ratings), source.
        agreement: CSV: measure, rater_a, rater_b, judge, value, n (texts), source.

    In both tables, ``source`` is ``people`` or ``simulated``.

    Raises:
        InputError: a file is missing or lacks a column.
    """
    frame = load_ratings(ratings)
    source = source_of(frame)
    means = mean_ratings(frame, read_key(key)["systems"], settings.bootstrap, seed).assign(source=source)
    judges = [read_parquet(path, ["case", "system", "judge", "rating"]) for path in judgements]
    names = settings.names
    write_csv(human, means.assign(method=[names.get(name, name) for name in means["method"]]).round(4))
    write_csv(agreement, agreement_table(frame, judges).assign(source=source).round(4))
    for row in means.itertuples():
        logger.info("%s (%s): %.3f (%.3f to %.3f)", row.method, source, row.mean, row.low, row.high)


def mean_ratings(frame: pd.DataFrame, systems: list[str], resamples: int, seed: int) -> pd.DataFrame:
    """Return ``method, mean, low, high, n`` per system that has ratings.

    Cases are resampled, each with all its ratings, for the ratings of one text are not independent.

    Args:
        frame: of :func:`recexplainer.study.ratings.read_ratings`.
        systems: in the order of the rows.
        resamples: of the bootstrap.
        seed: of the resamples.
    """
    rows = []
    for system in systems:
        own = frame[frame["system"] == system]
        if len(own):
            result = estimate(own["rating"], own["case"], resamples, make_rng(seed, "bootstrap"))
            rows.append([system, result.mean, result.low, result.high, result.cases])
    return pd.DataFrame(rows, columns=["method", "mean", "low", "high", "n"])


def agreement_table(frame: pd.DataFrame, judges: list[pd.DataFrame]) -> pd.DataFrame:
    """Return ``measure, rater_a, rater_b, judge, value, n``: who agrees with whom, over how many texts.

    ``krippendorff_alpha`` (ordinal) is over all raters, ``weighted_kappa`` (quadratic) over each pair of raters, and
    ``spearman`` over a judge's ratings and the raters' mean of each text. A value that is not defined is empty.

    Args:
        frame: of :func:`recexplainer.study.ratings.read_ratings`.
        judges: the ratings of one judge each: ``case, system, judge, rating``.
    """
    wide = frame.pivot(index="rater", columns="text", values="rating").reindex(frame["rater"].unique()).astype(float)
    rated_twice = int((wide.notna().sum() >= 2).sum())
    rows = [["krippendorff_alpha", "", "", "", krippendorff_alpha(wide.to_numpy()), rated_twice]]
    for a, b in combinations(wide.index, 2):
        both = wide.loc[[a, b]].dropna(axis=1)
        rows.append(["weighted_kappa", a, b, "", weighted_kappa(*both.to_numpy()), both.shape[1]])
    means = frame.groupby(["case", "system"], as_index=False)["rating"].mean()
    for judge in judges:
        both = means.merge(judge.dropna(subset=["rating"]), on=["case", "system"], suffixes=("", "_judge"))
        value = spearman(both["rating"].to_numpy(), both["rating_judge"].to_numpy(dtype=np.float64))
        rows.append(["spearman", "", "", judge["judge"].iloc[0], value, len(both)])
    return pd.DataFrame(rows, columns=["measure", "rater_a", "rater_b", "judge", "value", "n"])
