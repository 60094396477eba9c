"""Task 2, item ranking: a few items in the recommender's order (section 2.2)."""

from collections.abc import Iterator

import numpy as np

from recexplainer.prompts.phrasings import Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import History, Sample
from recexplainer.tasks.schema import SEPARATOR
from recexplainer.tasks.source import Source

BLOCK = 10_000
"""Rows that are drawn at once."""


def ranking(source: Source, prompts: Prompts, split: str) -> Iterator[Sample]:
    """Yield one sample per prefix of the split: up to n - 2 items to train on, n - 1 to test.

    The question shows the candidates in a random order.
    """
    rows = source.prefixes(split)
    phrasings = prompts.phrasings["ranking"]
    drawn = make_rng(source.seed, "ranking", split, "phrasing").integers(len(phrasings), size=len(rows))
    count = len(rows["ranking"].iloc[0]) if len(rows) else 0
    orders = _orders(make_rng(source.seed, "ranking", split, "order"), len(rows), count)
    for number, (row, order) in enumerate(zip(rows.itertuples(index=False), orders, strict=True)):
        shuffled = [row.ranking[place] for place in order]
        titles = [source.titles[item] for item in row.ranking]
        yield Sample(
            name=f"ranking-{number:06d}",
            task="ranking",
            phrasing=phrasings[drawn[number]],
            slots={"history": History(row.prefix, source.history(row.user, row.length)), "items": shuffled},
            answer=SEPARATOR.join(titles),
            user=row.user,
            prefix=row.prefix,
            target=titles,
            candidates=[source.titles[item] for item in shuffled],
        )


def _orders(rng: np.random.Generator, rows: int, count: int) -> Iterator[list[int]]:
    """Yield a uniform permutation for each row: the ranks of one uniform draw per candidate."""
    for start in range(0, rows, BLOCK):
        yield from rng.random((min(BLOCK, rows - start), count)).argsort(axis=1).tolist()
