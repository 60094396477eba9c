"""Random search over the recommender's hyperparameters (section 3.2.2): drawing a trial, choosing the best one."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recexplainer import seeds
from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.recommender.hyperparameters import Hyperparameters, hyperparameters, number

TRIAL_KEYS = ("trial", "hyperparameters", "validation_ndcg10", "epochs")


def draw(base: dict[str, Any], space: dict[str, Any], trial: int, seed: int) -> Hyperparameters:
    """Return the hyperparameters of a trial.

    Args:
        base: the config's own values: trial 0, and every value that ``space`` does not name.
        space: for each searched name either ``{low, high, log?, integer?}`` or ``{choices: [...]}``.
        trial: the trial's number; it draws the same values whatever else is run.
        seed: of the search.

    Raises:
        InputError: the space or a value in it is not valid.
    """
    if trial == 0:
        return hyperparameters(base)
    rng = seeds.make_rng(seed, "trial", trial)
    drawn = {name: _draw_value(name, space[name], rng) for name in sorted(space)}
    return hyperparameters({**base, **drawn})


def _draw_value(name: str, spec: dict[str, Any], rng: Any) -> Any:
    """Draw one value; floats are rounded to 6 significant digits, so that they read well."""
    key = f"recommender.tuning.space.{name}"
    if isinstance(spec, dict) and set(spec) == {"choices"} and isinstance(spec["choices"], list) and spec["choices"]:
        return spec["choices"][int(rng.integers(len(spec["choices"])))]
    if not isinstance(spec, dict) or not {"low", "high"} <= set(spec) <= {"low", "high", "log", "integer"}:
        raise InputError(f"{key}: {spec!r}; expected {{low, high, log?, integer?}} or {{choices: [...]}}.")
    low, high = number(f"{key}.low", spec["low"]), number(f"{key}.high", spec["high"])
    if low > high or (spec.get("log") and low <= 0):
        raise InputError(f"{key}: low {low}, high {high}; expected low <= high, and low > 0 on a log scale.")
    log = spec.get("log", False)
    value = math.exp(rng.uniform(math.log(low), math.log(high))) if log else rng.uniform(low, high)
    return round(value) if spec.get("integer") else float(f"{value:.6g}")


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
