"""Task 3, interest classification: would the recommender offer this item? (section 2.2)."""

from collections.abc import Iterator

import numpy as np

from recexplainer.prompts.phrasings import Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import History, Sample
from recexplainer.tasks.source import Source


def classification(
    source: Source, prompts: Prompts, split: str, test_share: float, shorter: int = 0
) -> Iterator[Sample]:
    """Yield two samples per user, one of each answer: all users to train on, a random share of them to test.

    The history is the longest of the split: n - 2 items to train on, n - 1 to test; or one that is ``shorter``.

    Args:
        source: the dataset.
        prompts: the phrasings.
        split: ``train`` or ``test``.
        test_share: the share of users with test samples; the paper's counts say 0.3.
        shorter: by how many items; where no shorter history is left, it begins with the longest again.
    """
    rows = source.prefixes(split)
    lengths = rows.groupby("user")["length"]
    rows = rows[lengths.rank(ascending=False) - 1 == shorter % lengths.transform("size")]
    if split == "test":
        chosen = make_rng(source.seed, "classification", "users").permutation(len(rows))
        rows = rows.iloc[np.sort(chosen[: round(test_share * len(rows))])]
    phrasings = prompts.phrasings["classification"]
    rng = make_rng(source.seed, "classification", split, "phrasing", *([str(shorter)] if shorter else []))
    drawn = rng.integers(len(phrasings), size=(len(rows), 2))
    for number, row in enumerate(rows.itertuples(index=False)):
        history = History(row.prefix, source.history(row.user, row.length))
        for place, (item, answer) in enumerate(((row.positive, "Yes"), (row.negative, "No"))):
            yield Sample(
                name=f"classification-{2 * number + place:06d}",
                task="classification",
                phrasing=phrasings[drawn[number, place]],
                slots={"history": history, "item": [item]},
                answer=answer,
                user=row.user,
                prefix=row.prefix,
                item=item,
                target=[answer],
            )
