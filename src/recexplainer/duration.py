"""Durations as people say them, wherever one is shown."""


def in_words(seconds: float) -> str:
    """Return a duration in words: ``0.4 s``, ``32 s``, ``5 min 12 s``, ``3 h 40 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
