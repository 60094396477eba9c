"""What the items of a history are to a decision: the recommender is asked again without some of them.

The score is taken as a z-score over the items that the user has not had, so that changes can be compared between
users. Only the items that the recommender sees are removed, and no older ones move up in their place: nothing but the
removal changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recexplainer.errors import InputError
from recexplainer.recommender.scorer import Scorer

BATCH = 512
"""Histories that are scored at once."""


@dataclass(frozen=True)
class Decision:
    """One decision of the recommender.

    Attributes:
        name: of the case, for messages; part of the seed of what is drawn for it.
        history: the items that the recommender sees, oldest first.
        seen: all items that the user has had, those included.
        target: the item that was decided on.
        label: whether the recommender offers it.
        score: what the recommender is known to give it.
    """

    name: str
    history: tuple[int, ...]
    seen: tuple[int, ...]
    target: int
    label: bool
    score: float


def standing(scores: np.ndarray, target: int, seen: Sequence[int]) -> float:
    """Return an item's score (items,) as a z-score over the items that the user has not had."""
    unseen = np.ones(len(scores), dtype=bool)
    unseen[list(seen)] = False
    others = scores[unseen]
    return float((scores[target] - others.mean()) / max(others.std(), 1e-12))


def standings(
    decisions: Sequence[Decision], removals: Sequence[tuple[int, frozenset[int]]], scorer: Scorer
) -> list[dict[frozenset[int], float]]:
    """Return, per decision, the target's z-score by the items that the history lacks.

    Args:
        decisions: what was decided.
        removals: the number of a decision, and the items that its history is to lack; none of them: as it is.
        scorer: the recommender.

    Raises:
        InputError: the scorer does not give the scores on which the decisions rest.
    """
    result: list[dict[frozenset[int], float]] = [{} for _ in decisions]
    for start in range(0, len(removals), BATCH):
        batch = removals[start : start + BATCH]
        histories = [[item for item in decisions[number].history if item not in removed] for number, removed in batch]
        for (number, removed), scores in zip(batch, np.asarray(scorer(histories), dtype=np.float64), strict=True):
            decision = decisions[number]
            if not removed and abs(scores[decision.target] - decision.score) > 1e-3 * max(1.0, abs(decision.score)):
                raise InputError(
                    f"case {decision.name}: the recommender gives its item {scores[decision.target]:.4f}, but the case "
                    f"says {decision.score:.4f}. Export the recommender and choose the cases again."
                )
            result[number][removed] = standing(scores, decision.target, decision.seen)
    return result


def effect(decision: Decision, before: float, after: float) -> float:
    """Return how much support a decision loses, in standard deviations, when the target's z-score changes."""
    return round((1.0 if decision.label else -1.0) * (before - after), 9)


def leave_one_out(decisions: Sequence[Decision], scorer: Scorer) -> list[tuple[float, dict[int, float]]]:
    """Return, per decision, the target's z-score, and what the removal of each item of the history costs the decision.

    Args:
        decisions: each with two items or more in its history: without its only one, nothing is left to score.
        scorer: the recommender.

    Raises:
        InputError: the scorer does not give the scores on which the decisions rest.
    """
    removals = [
        (number, removed)
        for number, decision in enumerate(decisions)
        for removed in (frozenset(), *(frozenset([item]) for item in decision.history))
    ]
    result = []
    for decision, standing in zip(decisions, standings(decisions, removals, scorer), strict=True):
        before = standing[frozenset()]
        single = {item: effect(decision, before, standing[frozenset([item])]) for item in decision.history}
        result.append((before, single))
    return result
