"""Simulatability: can a reader of the explanation foresee what the recommender does with other items?

The perturbed case is the same user with two other items, one that the recommender would offer and one that it would
not, by the thresholds of the labels. The reader has to say which is which, so chance is 0.5 whatever the explanation
decides. The reader is code that has the prompt before it and takes the text at its word: it prefers the item that is
more like the history, more like the titles that the text cites, has more of the properties that the text names as the
history's, and is more like the target after a Yes (less after a No). Two other readers show what the reasons add: one
that has the prompt and the verdict, and one that has the prompt alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recexplainer.checking.checker import Citation
from recexplainer.checking.words import Catalogue, stem, stem_key, words_of
from recexplainer.recommender.contract import Export
from recexplainer.recommender.histories import Histories
from recexplainer.seeds import make_rng

Facts = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """Two other items of a case: ``offered`` is one that the recommender would offer, ``refused`` one it would not."""

    offered: int
    refused: int


@dataclass(frozen=True)
class Foresight:
    """Whether the readers tell a pair apart: 1, 0, or 0.5 where they see no difference."""

    reader: float
    verdict_only: float
    prompt_only: float


def draw_pairs(cases: Sequence[dict[str, Any]], export: Export, histories: Histories, seed: int) -> list[Pair | None]:
    """Draw two other items for each case; None where the recommender has no other item on one of the sides.

    Args:
        cases: with ``case``, ``prefix`` and ``item``.
        export: of the recommender; its labels hold the thresholds.
        histories: all prefixes.
        seed: of the draws.
    """
    pairs: list[Pair | None] = []
    for case in cases:
        prefix = int(case["prefix"])
        label = export.labels.iloc[prefix]
        scores = export.item @ export.user[prefix]
        free = np.ones(len(scores), dtype=bool)
        free[histories.items[prefix - histories.length[prefix] + 1 : prefix + 1]] = False
        free[case["item"]] = False
        above = np.flatnonzero(free & (scores > label["threshold_high"]))
        below = np.flatnonzero(free & (scores < label["threshold_low"]))
        rng = make_rng(seed, "simulation", case["case"])
        # Both are drawn in any case, so that one side's emptiness does not move the other's draw.
        drawn = rng.random(2)
        if len(above) and len(below):
            pairs.append(Pair(int(above[int(drawn[0] * len(above))]), int(below[int(drawn[1] * len(below))])))
        else:
            pairs.append(None)
    return pairs


class Reader:
    """Tells from a text which of two items the recommender would offer.

    Args:
        titles: of every item.
        catalogue: their facts.
    """

    def __init__(self, titles: Sequence[str], catalogue: Catalogue) -> None:
        self.titles = titles
        self.catalogue = catalogue
        self._facts = frozenset(fact for facts in catalogue.facts.values() for fact in facts)
        self._longest = max(map(len, self._facts), default=0)

    def foresee(
        self,
        text: str,
        decision: bool | None,
        citations: Sequence[Citation],
        history: Sequence[str],
        target: str,
        pair: Pair,
    ) -> Foresight:
        """Return whether the reader, one without the reasons, and one without the text tell the pair apart.

        Args:
            text: the explanation.
            decision: its verdict; None if it cannot be read.
            citations: the titles in it.
            history: the titles in the prompt.
            target: the title of the item that it decides on.
            pair: the other items.
        """
        cited = sorted({one.title for one in citations if one.kind in ("history", "catalogue")})
        named = self._named(text, citations)
        sign = 0.0 if decision is None else 1.0 if decision else -1.0
        of_target = self.catalogue.facts.get(target, frozenset())

        def prompt(item: int) -> float:
            return self._mean_likeness(self.titles[item], history)

        def verdict(item: int) -> float:
            return prompt(item) + sign * self._likeness(self.titles[item], target)

        def support(item: int) -> float:
            title = self.titles[item]
            own = self.catalogue.facts.get(title, frozenset())
            patterns = _share(own, named - of_target) + sign * _share(own, named & of_target)
            return self._mean_likeness(title, cited) + patterns + verdict(item)

        readers = (support, verdict, prompt)
        return Foresight(*(_first_wins(reader(pair.offered), reader(pair.refused)) for reader in readers))

    def _mean_likeness(self, title: str, others: Sequence[str]) -> float:
        likeness = [self._likeness(title, other) for other in others]
        return sum(likeness) / len(likeness) if likeness else 0.0

    def _likeness(self, first: str, second: str) -> float:
        """Return the share of the facts and title words of two items that both have."""
        a, b = (
            self.catalogue.facts.get(title, frozenset()) | {(word,) for word in stem_key(title)}
            for title in (first, second)
        )
        return len(a & b) / max(1, len(a | b))

    def _named(self, text: str, citations: Iterable[Citation]) -> Facts:
        """Return the facts that a text names outside its titles: "Racing Stars" says nothing of racing."""
        letters = list(text)
        for one in citations:
            letters[one.start : one.end] = "|" * (one.end - one.start)
        keys = [stem(word.key) for word in words_of("".join(letters)) if word.is_word or word.text == "|"]
        return frozenset(
            key
            for length in range(1, self._longest + 1)
            for place in range(len(keys) - length + 1)
            if (key := tuple(keys[place : place + length])) in self._facts
        )


def _share(own: Facts, named: Facts) -> float:
    return len(own & named) / max(1, len(own))


def _first_wins(first: float, second: float) -> float:
    """Return 1 if the first is larger, 0.5 if both are equal but for rounding."""
    difference = round(first - second, 9)
    return 0.5 if difference == 0 else float(difference > 0)
