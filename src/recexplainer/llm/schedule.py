"""The learning rate of each step of a training."""

import math


def learning_rate(step: int, steps: int, *, peak: float, warmup: float, schedule: str) -> float:
    """Return the rate of a step: linear warm-up, then decay to zero.

    Args:
        step: from 0.
        steps: of the whole training.
        peak: the highest rate.
        warmup: the share of the steps in which it is reached, 0 to 1; one step at least.
        schedule: of the decay, ``linear`` or ``cosine``.
    """
    rising = max(1, round(warmup * steps))
    if step < rising:
        return peak * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return peak * (1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)
