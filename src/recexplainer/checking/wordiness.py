"""Whether a text says anything beside its verdict, and whether it goes round in circles.

Neither tells whether a reason is a good one: they find texts that cannot hold any. Small LLMs that were aligned answer
with the bare verdict, or repeat a phrase until they are cut off.
"""

import re
from itertools import pairwise

FEWEST_WORDS = 10
"""A text with fewer words beyond the verdict has no reason."""

LEAST_DISTINCT = 0.6
"""A text with a smaller share of distinct bigrams repeats itself."""

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def has_no_reason(text: str | None) -> bool:
    """Return whether a text has fewer than ten words beyond its verdict, a Yes or No at its beginning.

    Args:
        text: the explanation; None, one that failed or was refused, has none.
    """
    words = _words(text)
    return len(words) - (words[:1] in (["yes"], ["no"])) < FEWEST_WORDS


def distinct_bigrams(text: str | None) -> float:
    """Return how many different pairs of neighbouring words a text has, by the number of its pairs; 1 without a pair.

    Upper and lower case are the same, and marks do not count: "the end. The end" has 2 of 3.

    Args:
        text: the explanation, or None.
    """
    pairs = list(pairwise(_words(text)))
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def repeats_itself(text: str | None) -> bool:
    """Return whether less than 0.6 of a text's bigrams are distinct."""
    return distinct_bigrams(text) < LEAST_DISTINCT


def _words(text: str | None) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text or "")]
