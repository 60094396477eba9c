"""What bears out a decision of the recommender: computed, not invented.

Whose removal from the history costs the decision most (leave-one-out, with the recommender asked again), what these
items have in common with the item by their tags or by the recommender's item embeddings, and what speaks against it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recexplainer.recommender.removal import Decision, leave_one_out
from recexplainer.recommender.scorer import Scorer

CITED = 2
"""Items that are named at most."""

LEAST = 0.3
"""A second item is named if its effect is at least this share of the first one's."""

FACTS = 2
"""Tags that are named at most at one place."""

NEAR = 0.1
"""An item is near another one if it is among this share of the catalogue that is most similar to it."""

EDGES = (0.5, 1.0, 1.5)
"""Between the strengths: standard deviations of the target's score from the mean of the items not yet chosen."""

STRENGTHS = len(EDGES) + 1


@dataclass(frozen=True)
class Reasons:
    """What bears out one decision.

    Attributes:
        target: the item in question.
        label: whether the recommender offers it.
        strength: 0 to 3, how far its score is from the mean.
        cited: items of the history that support the decision, the one with the largest effect first.
        common: of a Yes, the tags that the target has in common with these items and the history; of a No, the tags
            that these items and others of the history have and the target lacks; the most frequent first.
        absent: the tags of the target that no item of the history has.
        near: whether one of these items, of a No any item of the history, is near the target by the item embeddings.
        opposed: how many items of the history pull the other way.
        total: how many items there are.
    """

    target: int
    label: bool
    strength: int
    cited: tuple[int, ...]
    common: tuple[str, ...]
    absent: tuple[str, ...]
    near: bool
    opposed: int
    total: int

    def parts(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the sentences that say it, by the names of their parts, each with the tags that it names."""
        common, absent = self.common[:FACTS], self.absent[:FACTS]
        if self.label:
            likeness = "shared" if common else "near" if self.near else "apart"
            parts = [("because_yes", ()), (likeness, common)]
            against, opposed = "new", "opposed_yes"
        else:
            unlikeness = "taste" if common else "close" if self.near else "far"
            parts = [("because_no", ()), (unlikeness, common)]
            against, opposed = "missing", "opposed_no"
        if absent:
            parts.append((against, absent))
        elif self.opposed:
            parts.append((opposed, ()))
        return parts

    def of(self, tags: Collection[str]) -> "Reasons | None":
        """Return the reasons that name no other tags; None if they name none, or none of several in common.

        For some sentences say that nothing is in common, which has to hold of all tags.
        """
        common = tuple(tag for tag in self.common if tag in tags)
        absent = tuple(tag for tag in self.absent if tag in tags)
        if not common and (self.common or not absent):
            return None
        return replace(self, common=common, absent=absent)


def find_reasons(
    decisions: Sequence[Decision], scorer: Scorer, vectors: np.ndarray, tags: Sequence[Sequence[str]]
) -> list[Reasons | None]:
    """Return what bears out each decision; None where no item of the history supports it.

    Args:
        decisions: each with two items or more in its history.
        scorer: the recommender.
        vectors: (items, dim) the recommender's item embeddings.
        tags: of every item.

    Raises:
        InputError: the scorer does not give the scores on which the decisions rest.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    measured = leave_one_out(decisions, scorer)
    return [
        _reasons(decision, standing, effects, unit, tags)
        for decision, (standing, effects) in zip(decisions, measured, strict=True)
    ]


def _reasons(
    decision: Decision, standing: float, effects: dict[int, float], unit: np.ndarray, tags: Sequence[Sequence[str]]
) -> Reasons | None:
    """Return what bears out one decision, given the target's z-score and the effect of each item of the history."""
    cited = supporting(decision.history, effects)
    if not cited:
        return None
    own, had = tags[decision.target], Counter(tag for item in decision.history for tag in tags[item])
    of_cited = dict.fromkeys(tag for item in cited for tag in tags[item])
    # A pattern is what two choices have at least; the most frequent first.
    pattern = sorted((tag for tag in of_cited if had[tag] > 1), key=lambda tag: -had[tag])
    return Reasons(
        target=decision.target,
        label=decision.label,
        strength=int(np.digitize(abs(standing), EDGES)),
        cited=cited,
        common=tuple(tag for tag in pattern if (tag in own) == decision.label),
        absent=tuple(tag for tag in own if tag not in had),
        near=any(_near(decision.target, item, unit) for item in (cited if decision.label else decision.history)),
        opposed=sum(effect < 0 for effect in effects.values()),
        total=len(effects),
    )


def supporting(history: Sequence[int], effects: dict[int, float]) -> tuple[int, ...]:
    """Return the items that support a decision most, the largest effect first; of equal ones the newer."""
    order = sorted(reversed(history), key=lambda item: -effects[item])
    largest = effects[order[0]]
    return tuple(item for item in order[:CITED] if effects[item] > 0 and effects[item] >= LEAST * largest)


def _near(target: int, item: int, unit: np.ndarray) -> bool:
    """Return whether the target is among the items of the catalogue that are most similar to an item."""
    likeness = unit @ unit[item]
    return bool((likeness > likeness[target]).sum() <= NEAR * len(unit))
