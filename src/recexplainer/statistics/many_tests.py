"""P-values of several tests, corrected for how many there are."""

from collections.abc import Sequence


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's method for that many tests, in the order given."""
    adjusted, running = [0.0] * len(values), 0.0
    for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        running = max(running, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = running
    return adjusted


def benjamini_hochberg(values: list[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(values).tolist() if values else []
