"""Synthetic explanations for the demo's conversations: would a person with this history choose that item, and why?

They teach the very small language model how an answer with reasons is worded, as a large one knows from its own
training. The reasons follow from the question: two titles of the history, what most of it has in common (genre, or
platform when the question asks for that), and the item's own. The answer is Yes if the two agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np

from recexplainer.demo.formats import Fact

Question = Sequence[str]
"""Text and the names ``history`` and ``item`` in turn."""

VIEWPOINTS = ("platform", "genre")
"""What a synthetic explanation can speak of, as the items have it."""


def explain(questions: Mapping[str, Question], facts: list[Fact], rng: np.random.Generator) -> tuple[str, str]:
    """Return one question and its answer.

    Args:
        questions: by one of :data:`VIEWPOINTS`, or "" for none (then the genre counts).
        facts: the items of one dataset.
        rng: the source of the draws.
    """
    names = list(questions)
    viewpoint = names[int(rng.integers(len(names)))]
    group = attrgetter("platform" if viewpoint == "platform" else "genre")
    main = group(facts[int(rng.integers(len(facts)))])
    inside = [fact for fact in facts if group(fact) == main]
    outside = [fact for fact in facts if group(fact) != main]
    few = int(rng.integers(0, 3)) if outside else 0
    most = int(rng.integers(few + 1, max(few + 2, 6)))
    history = _several(inside, most, rng) + _several(outside, few, rng)
    history = [history[int(i)] for i in rng.permutation(len(history))]
    pool = [fact for fact in (inside if rng.random() < 0.5 or not outside else outside) if fact not in history]
    target = pool[int(rng.integers(len(pool)))] if pool else history[0]
    shared = Counter(group(fact) for fact in history).most_common(1)[0][0]
    cited = [fact.title for fact in history if group(fact) == shared][:2]
    values = {"history": "; ".join(fact.title for fact in history), "item": target.title}
    question = "".join(values[piece] if place % 2 else piece for place, piece in enumerate(questions[viewpoint]))
    return question, _answer(cited, shared, target, group(target), viewpoint)


def _answer(cited: list[str], shared: str, target: Fact, own: str, viewpoint: str) -> str:
    fits = own == shared
    kind = f"for {own}" if viewpoint == "platform" else f"of the genre {own}"
    common = f"for {shared}" if viewpoint == "platform" else f"of the genre {shared}"
    verdict = f"also {kind}, so it fits." if fits else f"{kind}, so it does not fit."
    return (
        f"{'Yes' if fits else 'No'}. The history holds {'; '.join(cited)}, mostly {common}. {target.title} is {verdict}"
    )


def _several(options: list[Fact], count: int, rng: np.random.Generator) -> list[Fact]:
    """Return up to ``count`` different options in random order."""
    return [options[int(i)] for i in rng.permutation(len(options))[:count]]
