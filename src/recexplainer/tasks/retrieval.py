"""Task 1, next item retrieval: the title of the recommender's first choice (section 2.2)."""

from collections.abc import Iterator

from recexplainer.prompts.phrasings import Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import History, Sample
from recexplainer.tasks.source import Source


def retrieval(source: Source, prompts: Prompts, split: str) -> Iterator[Sample]:
    """Yield one sample per prefix of the split: up to n - 2 items to train on, n - 1 to test."""
    rows = source.prefixes(split)
    phrasings = prompts.phrasings["retrieval"]
    drawn = make_rng(source.seed, "retrieval", split, "phrasing").integers(len(phrasings), size=len(rows))
    for number, row in enumerate(rows.itertuples(index=False)):
        title = source.titles[row.top1]
        yield Sample(
            name=f"retrieval-{number:06d}",
            task="retrieval",
            phrasing=phrasings[drawn[number]],
            slots={"history": History(row.prefix, source.history(row.user, row.length))},
            answer=title,
            user=row.user,
            prefix=row.prefix,
            target=[title],
        )
