"""Random search over the recommender's hyperparameters (section 3.2.2): drawing a trial, choosing the best one."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recexplainer import seeds
from recexplainer.config.recommender import Range, Sized, Space
from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.recommender.hyperparameters import hyperparameters

TRIAL_KEYS = ("trial", "hyperparameters", "validation_ndcg10", "epochs")


def draw(base: Sized, space: Space, trial: int, seed: int) -> Sized:
    """Return the hyperparameters of a trial.

    Args:
        base: the config's own values: trial 0, and every value that ``space`` does not name.
        space: what each searched one is drawn from.
        trial: the trial's number; it draws the same values whatever else is run.
        seed: of the search.

    Raises:
        InputError: a range is none, or a value that was drawn is none of its hyperparameter.
    """
    if trial == 0:
        return base
    rng = seeds.make_rng(seed, "trial", trial)
    drawn = {name: _draw_value(name, getattr(space, name), rng) for name in sorted(space.model_fields_set)}
    return hyperparameters(base.model_dump() | drawn)


def _draw_value(name: str, spec: Range, rng: Any) -> Any:
    """Draw one value; floats are rounded to 6 significant digits, so that they read well."""
    key = f"recommender.tuning.space.{name}"
    low, high, log = spec.low, spec.high, spec.log
    if spec.choices is not None and spec.model_fields_set == {"choices"}:
        return spec.choices[int(rng.integers(len(spec.choices)))]
    if low is None or high is None or spec.choices is not None:
        raise InputError(f"{key}: {spec}; expected {{low, high, log?, integer?}} or {{choices: [...]}}.")
    if low > high or (log and low <= 0):
        raise InputError(f"{key}: low {low}, high {high}; expected low <= high, and low > 0 on a log scale.")
    value = math.exp(rng.uniform(math.log(low), math.log(high))) if log else rng.uniform(low, high)
    return round(value) if spec.integer else float(f"{value:.6g}")


def best_trial(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Return the trial with the highest validation NDCG@10; of equal ones, the lowest number.

    Raises:
        InputError: a file is missing or is not a trial.
    """
    trials = []
    for path in paths:
        trial = read_json(path)
        if not isinstance(trial, dict) or sorted(trial) != sorted(TRIAL_KEYS):
            raise InputError(f"{path}: expected the keys {', '.join(TRIAL_KEYS)}. Run the trial again.")
        value, chosen = trial["validation_ndcg10"], trial["hyperparameters"]
        if type(value) not in (int, float) or type(trial["trial"]) is not int or not isinstance(chosen, dict):
            raise InputError(f"{path}: a value is of another kind than a trial's. Run the trial again.")
        trials.append(trial)
    return max(trials, key=lambda trial: (trial["validation_ndcg10"], -trial["trial"]))
