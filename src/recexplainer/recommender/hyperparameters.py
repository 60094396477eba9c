"""The recommender's hyperparameters, checked once."""

from typing import Any

from recexplainer.config.recommender import Sized
from recexplainer.typed import checked


def hyperparameters(values: dict[str, Any]) -> Sized:
    """Check what a config or a trial's file has, and return it as the hyperparameters of a recommender.

    Raises:
        InputError: a key is missing or unknown, a value is out of range, or the heads do not divide the dimension.
    """
    return checked(Sized, values, "recommender")
