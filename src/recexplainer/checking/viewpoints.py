"""Of which points of view a text speaks: a rule on words, the same for every system (section 3.5.2).

A text speaks of a point of view if it names one of its values outside of titles: one that the config lists (a platform:
"Xbox", "PC"), or a fact of the metadata fields that the config gives to it (a genre: a tag of some item). Its own name
is no value: "the platforms fit" repeats the question. A fact that more than half of the items share says nothing, and
one that holds a value of another point of view is the other's ("PlayStation 4" is no genre though it is a tag).
Whether what is said is true of the items is the citation check's question, not asked here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from recexplainer.checking.citations import find_citations
from recexplainer.checking.words import Catalogue, Fact, Names, contains, stem_key, stem_words
from recexplainer.config.kinds import Viewpoint


class Viewpoints:
    """Reads of which points of view texts about the items of one dataset speak.

    Args:
        words: per point of view its ``values`` and the ``fields`` of the metadata (of :attr:`Catalogue.FACTS`) that
            have more of them.
        catalogue: the items of the dataset.

    Attributes:
        values: per point of view its values as stemmed words.
    """

    def __init__(self, words: Mapping[str, Viewpoint], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.values = {name: set(map(stem_key, entry.values)) - {()} for name, entry in words.items()}
        listed = {name: frozenset(values) for name, values in self.values.items()}
        telling = {fact for facts in catalogue.facts.values() for fact in facts}
        for name, entry in words.items():
            others = [value for other, values in listed.items() if other != name for value in values]
            for fact in telling:
                if catalogue.fields[fact].intersection(entry.fields) and not _holds(fact, others):
                    self.values[name].add(fact)
        self._names = {name: Names(values) for name, values in self.values.items()}

    def spoken_of(self, text: str, case: Mapping[str, Any]) -> frozenset[str]:
        """Return the points of view of which a text speaks.

        Args:
            text: the explanation.
            case: ``history`` and ``title``.
        """
        return frozenset().union(*map(self.named_in, self._outside_titles(text, case)))

    def named_in(self, text: str) -> frozenset[str]:
        """Return the points of view of which a text without titles, such as a tag, names a value."""
        words = stem_words(text)
        return frozenset(
            name
            for name, names in self._names.items()
            if any(names.lengths(words, place) for place in range(len(words)))
        )

    def _outside_titles(self, text: str, case: Mapping[str, Any]) -> list[str]:
        """Return the pieces of a text between the titles in it: "Racing Stars" says nothing of racing."""
        pieces, start = [], 0
        for cited in find_citations(text, list(case["history"]), case["title"], self._catalogue):
            if cited.kind == "nowhere" and self._is_value(cited.title):
                continue
            pieces.append(text[start : cited.start])
            start = cited.end
        return [*pieces, text[start:]]

    def _is_value(self, title: str) -> bool:
        """Return whether what looks like a made-up title is a value, perhaps with a number: "PlayStation 4"."""
        key = stem_key(title)
        while len(key) > 1 and key[-1].isdecimal():
            key = key[:-1]
        return any(key in values for values in self.values.values())


def _holds(fact: Fact, values: Sequence[Fact]) -> bool:
    return any(contains(fact, value) for value in values)
