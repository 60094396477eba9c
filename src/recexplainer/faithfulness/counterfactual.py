"""Counterfactual fidelity: do the items that an explanation cites matter to the recommender?

The cited items are taken out of the history and the recommender is run again. If they were its reasons, the decision
loses support: the target's score falls where the recommender offered it, and rises where it did not. The same is done
with other choices of as many items of the history, all of them where they are few. A text whose items matter no more
than any others is right by chance. And it is done with as many of the newest items, and of those most similar to the
target: who cites them without a look at the recommender is often right, so a text has to be above them as well.

How items are removed is up to :mod:`recexplainer.recommender.removal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from recexplainer.errors import InputError
from recexplainer.recommender.removal import Decision, effect, standings
from recexplainer.recommender.scorer import Scorer
from recexplainer.seeds import make_rng


@dataclass(frozen=True)
class Question(Decision):
    """One decision of the recommender.

    Attributes:
        similar: the items of the history, those most similar to the target first.
    """

    similar: tuple[int, ...]

    def rivals(self, size: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return so many of the newest items, and of those most similar to the target."""
        newest = list(dict.fromkeys(reversed(self.history)))
        return frozenset(newest[:size]), frozenset(self.similar[:size])


@dataclass(frozen=True)
class Effect:
    """What removing items does to a decision, in standard deviations; positive: the decision loses support.

    Attributes:
        cited: of the cited items.
        chance: of as many items, in the mean over the choices.
        rank: share of the choices with less effect than the cited items, ties counted half; 0.5 is chance.
        newest, newest_rank: of as many of the newest items.
        similar, similar_rank: of as many of the items most similar to the target.
    """

    cited: float
    chance: float
    rank: float
    newest: float
    newest_rank: float
    similar: float
    similar_rank: float


NOTHING = Effect(0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5)
"""Of a text that cites no item of the history or all of them, which tells nothing of which ones matter."""


def removal_effects(
    questions: Sequence[Question], cited: Sequence[Sequence[frozenset[int]]], scorer: Scorer, draws: int, seed: int
) -> list[list[Effect]]:
    """Return the effects of removing what is cited, beside those of other choices.

    A text that cites no item of the history, or all of them, has :data:`NOTHING`.

    Args:
        questions: the decisions.
        cited: per question, the items of its history that each of some texts cites.
        scorer: the recommender.
        draws: if there are more choices than this, as many are drawn.
        seed: of the draws.

    Returns:
        Per question, one effect per text.

    Raises:
        InputError: the scorer does not give the scores on which the decisions rest.
    """
    choices = [_choices(question, texts, draws, seed) for question, texts in zip(questions, cited, strict=True)]
    support = standings(questions, _removals(questions, choices, cited), scorer)
    result = []
    for number, (question, texts) in enumerate(zip(questions, cited, strict=True)):
        before = support[number].pop(frozenset())
        costs = {removed: effect(question, before, after) for removed, after in support[number].items()}
        result.append([_compare(text, question, costs, choices[number].get(len(text), [])) for text in texts])
    return result


def _compare(
    text: frozenset[int], question: Question, costs: dict[frozenset[int], float], choices: list[frozenset[int]]
) -> Effect:
    """Return the effect of removing what a text cites beside that of the choices of as many items."""
    if not choices:
        return NOTHING
    others = np.array([costs[choice] for choice in choices])

    def rank(own: float) -> float:
        return float((others < own).mean() + (others == own).mean() / 2)

    own, (newest, similar) = costs[text], (costs[rival] for rival in question.rivals(len(text)))
    return Effect(own, float(others.mean()), rank(own), newest, rank(newest), similar, rank(similar))


def _choices(
    question: Question, texts: Sequence[frozenset[int]], draws: int, seed: int
) -> dict[int, list[frozenset[int]]]:
    """Return, for each number of items that a text cites, the choices of as many: all of them, or so many draws."""
    history, result = question.history, {}
    for text in texts:
        if not text <= set(history):
            raise InputError(f"case {question.name}: a cited item is not in the history. Choose the cases again.")
    for size in sorted({len(text) for text in texts if 0 < len(text) < len(history)}):
        if comb(len(history), size) <= draws:
            result[size] = [frozenset(choice) for choice in combinations(history, size)]
        else:
            rng = make_rng(seed, "removal", question.name, size)
            result[size] = [frozenset(rng.permutation(history)[:size].tolist()) for _ in range(draws)]
    return result


def _removals(
    questions: Sequence[Question],
    choices: Sequence[dict[int, list[frozenset[int]]]],
    cited: Sequence[Sequence[frozenset[int]]],
) -> list[tuple[int, frozenset[int]]]:
    """Return what is to be scored, each once: the number of a question, and the items that it lacks."""
    result: dict[tuple[int, frozenset[int]], None] = {}
    for number, (question, by_size, texts) in enumerate(zip(questions, choices, cited, strict=True)):
        result[number, frozenset()] = None
        own = [text for text in texts if len(text) in by_size]
        rivals = [rival for size in by_size for rival in question.rivals(size)]
        for removed in [*sum(by_size.values(), []), *own, *rivals]:
            result[number, removed] = None
    return list(result)
