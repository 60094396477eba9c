"""The ratings and comments of all raters in one place, checked (section 3.4)."""

import logging

import pandas as pd

from recexplainer.config.explanation import Collected
from recexplainer.files import read_parquet, write_json, write_parquet
from recexplainer.study.key import read_key
from recexplainer.study.ratings import read_comments, read_ratings

logger = logging.getLogger(__name__)


def collect_ratings(*, key: str, ratings: list[str], settings: Collected, output: str, comments: str) -> None:
    """Check the raters' files and write what they say.

    Args:
        key: the study's ``key.json``.
        ratings: one JSON file per rater.
        settings: whether ratings may lack.
        output: Parquet file, with the rows of :func:`recexplainer.study.ratings.read_ratings`.
        comments: JSON: the list of :func:`recexplainer.study.ratings.read_comments`. Not a table, for a spreadsheet
            would take a comment that begins with ``=`` for a formula.

    Raises:
        InputError: a file is missing, or a rater's file is not as it should be.
    """
    study = read_key(key)
    frame = read_ratings(ratings, study, settings.allow_incomplete)
    write_parquet(output, frame)
    write_json(comments, read_comments(ratings, study))
    logger.info("%d ratings of %d texts by %d raters", len(frame), frame["text"].nunique(), frame["rater"].nunique())


def load_ratings(path: str) -> pd.DataFrame:
    """Load the ratings that :func:`collect_ratings` wrote, with the columns that it says."""
    return read_parquet(path, ["rater", "text", "case", "system", "rating", "simulated"])


def source_of(frame: pd.DataFrame) -> str:
    """Return ``people`` or ``simulated``, the kind of all the ratings."""
    return "simulated" if frame["simulated"].iloc[0] else "people"
