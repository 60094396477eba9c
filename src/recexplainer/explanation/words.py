"""Words of a text with their places, and the catalogue's titles and facts as words."""

import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

_WORD = re.compile(r"\w+|[^\w\s]")
# Of the same length, so that places stay right.
_PLAIN = str.maketrans("‘’“”–—−", "''\"\"---")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a punctuation mark: ``text`` as written, at ``start`` to ``end``; ``key``, in which it is compared."""

    start: int
    end: int
    text: str
    key: str

    @property
    def is_word(self) -> bool:
        """Whether it is no punctuation mark."""
        return self.text[0].isalnum()


def words_of(text: str) -> list[Word]:
    """Cut a text into words and punctuation marks."""
    return [
        Word(match.start(), match.end(), match[0], match[0].casefold())
        for match in _WORD.finditer(text.translate(_PLAIN))
    ]


def key_of(text: str) -> tuple[str, ...]:
    """Return the words of a text as they are compared."""
    return tuple(word.key for word in words_of(text))


def title_key(title: str) -> tuple[str, ...]:
    """Return the words of a title as they are compared; marks at its end do not matter, as the text may add some."""
    key = key_of(title)
    while key and key[-1] in ".,;:!?":
        key = key[:-1]
    return key


def stem_key(text: str) -> tuple[str, ...]:
    """Return the words of a fact without punctuation and without a plural's s, for "sport" and "Sports"."""
    return tuple(stem(word.key) for word in words_of(text) if word.is_word)


def stem(word: str) -> str:
    """Return a word without its plural's s."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def contains(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    """Return whether words occur in a row within others."""
    count = len(shorter)
    return any(longer[place : place + count] == shorter for place in range(len(longer) - count + 1))


class Catalogue:
    """Titles and facts of a dataset's items, ready to be found in texts.

    Args:
        items: one row per item with the columns ``title``, ``tags``, ``brand`` and ``feature``.

    Attributes:
        titles: words of a title to the title.
        longest: first word of titles to the number of words of the longest.
        facts: title to its facts (tags, brand, features), each as stemmed words. A fact that more than half of the
            items share says nothing of one of them and is left out.
        fact_keys: the words of all tags, brands and features, as they are written.
        fact_words: the facts of one word.
    """

    FACTS = ("tags", "brand", "feature")

    def __init__(self, items: pd.DataFrame):
        self.titles: dict[tuple[str, ...], str] = {}
        self.longest: dict[str, int] = {}
        self.facts: dict[str, frozenset[tuple[str, ...]]] = {}
        self.fact_keys: set[tuple[str, ...]] = set()
        raw: dict[str, set[tuple[str, ...]]] = {}
        for title, *fields in zip(items["title"], *(items[name] for name in self.FACTS), strict=True):
            key = title_key(title)
            if key:
                self.titles.setdefault(key, title)
                self.longest[key[0]] = max(self.longest.get(key[0], 0), len(key))
            facts = {part.strip() for field in fields for part in re.split(r"[;,]\s+", field) if part.strip()}
            # A feature may be a whole sentence, which no explanation repeats.
            facts = {fact for fact in facts if len(fact.split()) <= 5}
            self.fact_keys.update(key_of(fact) for fact in facts)
            raw[title] = {key for key in map(stem_key, facts) if key}
        counts = Counter(fact for facts in raw.values() for fact in facts)
        self.facts = {
            title: frozenset(fact for fact in facts if 2 * counts[fact] <= len(raw)) for title, facts in raw.items()
        }
        self.fact_words = {key[0] for key in self.fact_keys if len(key) == 1}
