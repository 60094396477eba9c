"""Task 4, item discrimination: what is known of an item (section 2.2)."""

from collections.abc import Iterator

from recexplainer.prompts.phrasings import ASKED_FIELDS, FIELDS, Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import Sample
from recexplainer.tasks.schema import SEPARATOR
from recexplainer.tasks.source import Source


def discrimination(source: Source, prompts: Prompts, asked: str) -> Iterator[Sample]:
    """Yield one sample per item and field that the item has. There is no test.

    The title is asked from the embedding alone; a question that shows it would hold its answer.

    Args:
        source: the dataset.
        prompts: the phrasings.
        asked: which fields: a key of :data:`recexplainer.prompts.phrasings.ASKED_FIELDS`.
    """
    similar = [SEPARATOR.join(source.titles[other] for other in others) for others in source.similar]
    texts = {"title": source.titles, **source.fields, "similar": similar}
    phrasings = prompts.phrasings["discrimination"]
    shape = (len(source.titles), len(FIELDS))
    drawn = make_rng(source.seed, "discrimination", "phrasing").integers(len(phrasings), size=shape)
    number = 0
    for item in range(len(source.titles)):
        for place, name in enumerate(FIELDS):
            answer = texts[name][item]
            if not answer or name not in ASKED_FIELDS[asked]:
                continue
            yield Sample(
                name=f"discrimination-{number:06d}",
                task="discrimination",
                phrasing=phrasings[drawn[item, place]],
                slots={"item": [item], "field": prompts.fields[name]},
                answer=answer,
                item=item,
                embedding_only=name == "title",
            )
            number += 1
