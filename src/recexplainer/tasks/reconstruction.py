"""Task 6, history reconstruction: the titles behind a user embedding (section 2.3)."""

from collections.abc import Iterator

import pandas as pd

from recexplainer.prompts.phrasings import Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import History, Sample
from recexplainer.tasks.schema import SEPARATOR
from recexplainer.tasks.source import Source


def reconstruction(source: Source, prompts: Prompts, split: str) -> Iterator[Sample]:
    """Yield one sample per prefix: up to n - 1 items to train on, the whole history of n items to test.

    The question shows the embedding alone. The test item is the last of the history, so that no training
    prefix holds it, while the paper's count of training samples includes the prefix before it.
    """
    if split == "train":
        rows = pd.concat([source.prefixes("train"), source.prefixes("test")]).sort_values("prefix")
    else:
        rows = source.prefixes("full")
    phrasings = prompts.phrasings["reconstruction"]
    drawn = make_rng(source.seed, "reconstruction", split, "phrasing").integers(len(phrasings), size=len(rows))
    for number, row in enumerate(rows.itertuples(index=False)):
        history = source.history(row.user, row.length)
        titles = [source.titles[item] for item in history]
        yield Sample(
            name=f"reconstruction-{number:06d}",
            task="reconstruction",
            phrasing=phrasings[drawn[number]],
            slots={"history": History(row.prefix, history)},
            answer=SEPARATOR.join(titles),
            user=row.user,
            prefix=row.prefix,
            target=titles,
            embedding_only=True,
        )
