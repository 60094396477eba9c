"""The tags of items as lists, however a catalogue writes them."""

import re
from collections import Counter
from collections.abc import Sequence

_MARK = re.compile(r"[;,]\s+")


def tag_lists(texts: Sequence[str]) -> list[list[str]]:
    """Return each item's tags, in the order in which they are written, each once.

    They are separated by commas or semicolons. Where no item has either, and all texts together are put together of
    fewer words than there are texts, they are separated by spaces, as MovieLens' "Animation Children's Comedy".

    Args:
        texts: one of each item of a catalogue; "" of an item without tags.
    """
    whole = {text.strip() for text in texts if text.strip()}
    by_space = not any(_MARK.search(text) for text in whole) and len({w for text in whole for w in text.split()}) < len(
        whole
    )
    separator = re.compile(r"\s+") if by_space else _MARK
    return [list(dict.fromkeys(part.strip() for part in separator.split(text) if part.strip())) for text in texts]


def telling(tags: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return each item's tags without those that more than half of the items have: they say nothing of one of them."""
    counts = Counter(tag for own in tags for tag in own)
    return [tuple(tag for tag in own if 2 * counts[tag] <= len(tags)) for own in tags]
