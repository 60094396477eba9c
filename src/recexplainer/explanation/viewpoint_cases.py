"""Which of the explained cases every system is asked about from each point of view as well (section 3.5.2)."""

from collections.abc import Sequence
from typing import Any

from recexplainer.explanation.cases import load_cases


def draw_viewpoint_cases(cases: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the first cases, as many of either verdict (one more Yes of an odd number), each of another user.

    The cases stand in random order, so the first ones are a random sample; with one case per user they are independent.
    There are fewer than ``count`` where a verdict has no more users.

    Args:
        cases: the rows of ``cases.parquet``.
        count: how many.
    """
    room = {True: count - count // 2, False: count // 2}
    users, chosen = set(), []
    for case in cases:
        label = bool(case["label"])
        if room[label] and case["user"] not in users:
            room[label] -= 1
            users.add(case["user"])
            chosen.append(case)
    return chosen


def viewpoint_case_names(path: str, count: int, selected: str | None = None) -> list[str]:
    """Return the names of the cases to be asked about, the one that figure 5 shows last if it is not among them.

    Args:
        path: ``cases.parquet``.
        count: how many are drawn.
        selected: the name of the case that figure 5 shows, for the system of which it shows it.

    Raises:
        InputError: the file is missing or broken.
    """
    names = [case["case"] for case in draw_viewpoint_cases(load_cases(path), count)]
    return names + [selected] if selected is not None and selected not in names else names
