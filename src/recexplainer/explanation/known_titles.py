"""Where the titles of cases are in the catalogue."""

from collections.abc import Sequence
from typing import Any

from recexplainer.errors import InputError


def index_titles(titles: Sequence[str], cases: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return the item of each title, of which those of the cases have to be some.

    Args:
        titles: of every item.
        cases: from ``cases.parquet``.

    Raises:
        InputError: a title of a case is not in the catalogue.
    """
    index = {title: item for item, title in enumerate(titles)}
    for case in cases:
        for title in [*case["history"], case["title"]]:
            if title not in index:
                raise InputError(
                    f"case {case['case']}: {title!r} is no title of the catalogue. Choose the cases again."
                )
    return index
