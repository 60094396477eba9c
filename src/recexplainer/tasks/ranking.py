"""Task 2, item ranking: a few items in the recommender's order (section 2.2)."""

from collections.abc import Iterator

import numpy as np

from recexplainer.seeds import generator
from recexplainer.tasks.forms import History, Sample
from recexplainer.tasks.prompts import Prompts
from recexplainer.tasks.schema import SEPARATOR
from recexplainer.tasks.source import Source


def ranking(source: Source, prompts: Prompts, split: str) -> Iterator[Sample]:
    """Yield one sample per prefix of the split: up to n - 2 items to train on, n - 1 to test.

    The question shows the candidates in a random order.
    """
    rows = source.prefixes(split)
    phrasings = prompts.phrasings["ranking"]
    drawn = generator(source.seed, "ranking", split, "phrasing").integers(len(phrasings), size=len(rows))
    count = max(map(len, rows["ranking"]), default=0)
    # The ranks of one uniform draw per candidate are a uniform permutation.
    keys = generator(source.seed, "ranking", split, "order").random((len(rows), count))
    for number, row in enumerate(rows.itertuples(index=False)):
        best_first = row.ranking.tolist()
        shuffled = [best_first[place] for place in np.argsort(keys[number, : len(best_first)])]
        titles = [source.titles[item] for item in best_first]
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
