"""P-values of several tests, corrected for the share of false discoveries."""


def benjamini_hochberg(values: list[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(values).tolist() if values else []
