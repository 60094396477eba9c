"""Words of a text with their places, and the catalogue's titles and facts as words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from recexplainer.data.tags import tag_lists

_WORD = re.compile(r"(?:\w[\u0300-\u036f]*)+|[^\w\s]")  # a letter and its accent may be two characters
# Of the same length, so that places stay right.
_PLAIN = str.maketrans("‘’“”–—−™®©", "''\"\"---   ")
_SIGNS = re.compile(r"\((?:tm|r|c)\)", re.IGNORECASE)
_HEAD_END = re.compile(r" - |: | [(\[](?!\d+\)$)")
ARTICLES = ("the", "a", "an")

Fact = tuple[str, ...]
"""A tag, brand or feature as stemmed words."""


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
        Word(match.start(), match.end(), match[0], _folded(match[0])) for match in _WORD.finditer(_without_signs(text))
    ]


def _without_signs(text: str) -> str:
    """Blank trademark and copyright signs, which people leave out, and straighten quotes and dashes."""
    return _SIGNS.sub(lambda match: " " * len(match[0]), text.translate(_PLAIN))


def _folded(word: str) -> str:
    """Return a word without case and accents."""
    if word.isascii():
        return word.lower()
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return (bare or word).casefold()


def key_of(text: str) -> tuple[str, ...]:
    """Return the words of a text as they are compared."""
    return tuple(word.key for word in words_of(text))


def title_words(title: str) -> tuple[str, ...]:
    """Return the words of a title as they are compared; marks at its end do not matter, as the text may add some."""
    key = key_of(title)
    while key and key[-1] in ".,;:!?":
        key = key[:-1]
    return key


def stem_key(text: str) -> tuple[str, ...]:
    """Return the words of a fact without punctuation and without a plural's s, for "sport" and "Sports"."""
    return tuple(word.key for word in stem_words(text))


def stem_words(text: str) -> list[Word]:
    """Cut a text into its words, without punctuation; their keys are stems."""
    return [Word(word.start, word.end, word.text, stem(word.key)) for word in words_of(text) if word.is_word]


def stem(word: str) -> str:
    """Return a word without its plural's s."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def contains(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    """Return whether words occur in a row within others."""
    count = len(shorter)
    return any(longer[place : place + count] == shorter for place in range(len(longer) - count + 1))


def other_names(title: str) -> Iterator[tuple[str, ...]]:
    """Yield the words by which people also name an item.

    Without the year or whatever else stands in brackets behind the title, without its first article or with it at the
    end, without quotation marks, with the separators that the data stage replaced by dashes.
    """
    key = title_words(title)
    for name in dict.fromkeys((key, _without_brackets(key))):
        plain = tuple(word for word in name if word != '"')
        single = tuple("'" if word == '"' else word for word in name)
        for other in dict.fromkeys((name, plain, single, tuple("," if word == "-" else word for word in plain))):
            if other and other != key:
                yield other
            if len(other) > 1 and other[0] in ARTICLES:
                yield (*other[1:], ",", other[0])
                if sum(word[0].isalnum() for word in other) > 2:
                    yield other[1:]


def _without_brackets(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words before the brackets at the end of a title, if there are some."""
    while key and key[-1] in (")", "]"):
        opening = "[" if key[-1] == "]" else "("
        if opening not in key[1:]:
            break
        key = key[: len(key) - 1 - key[::-1].index(opening)]
    while key and key[-1] in ".,;:!?":
        key = key[:-1]
    return key


class Names:
    """A tree of words: which names begin at a word of a text, in a time that the longest name limits."""

    def __init__(self, names: Iterable[tuple[str, ...]] = ()) -> None:
        self._edges: dict[tuple[int, str], int] = {}
        self._ends: set[int] = set()
        for name in names:
            node = 0
            for word in name:
                node = self._edges.setdefault((node, word), len(self._edges) + 1)
            self._ends.add(node)

    def lengths(self, words: list[Word], place: int) -> list[int]:
        """Return the numbers of words of the names that begin at ``words[place]``, ascending."""
        node, lengths = 0, []
        for count in range(1, len(words) - place + 1):
            node = self._edges.get((node, words[place + count - 1].key), 0)
            if not node:
                break
            if node in self._ends:
                lengths.append(count)
        return lengths


class Catalogue:
    """Titles and facts of a dataset's items, ready to be found in texts.

    Args:
        items: one row per item with the columns ``title``, ``tags``, ``brand`` and ``feature``.

    Attributes:
        titles: words of a title to the title.
        others: words by which people also name it to the title, where they are no other item's title.
        names: all of these words.
        beginnings: the titles without case, ascending.
        facts: title to its facts (tags, brand, features), each as stemmed words. A fact that more than half of the
            items share says nothing of one of them and is left out.
        fact_keys: the words of all tags, brands and features, as they are written.
        fact_words: the facts of one word.
        own_facts: title to all of its facts, by field, those included that many items share.
        fields: fact to the fields in which it occurs.
        fact_names: all facts, to be found in stemmed words.
        vocabulary: the words of the titles.
    """

    FACTS = ("tags", "brand", "feature")

    def __init__(self, items: pd.DataFrame) -> None:
        self.titles: dict[tuple[str, ...], str] = {}
        self.facts: dict[str, frozenset[tuple[str, ...]]] = {}
        self.fact_keys: set[tuple[str, ...]] = set()
        self.own_facts: dict[str, dict[str, frozenset[Fact]]] = {}
        self.fields: dict[Fact, set[str]] = {}
        raw: dict[str, set[tuple[str, ...]]] = {}
        columns = [list(map(_parts, items[name])) for name in self.FACTS[1:]]
        tags = [_short(listed) for listed in tag_lists(list(items["tags"]))]
        for title, *fields in zip(items["title"], tags, *columns, strict=True):
            key = title_words(title)
            if key:
                self.titles.setdefault(key, title)
            own = dict(zip(self.FACTS, fields, strict=True))
            self.fact_keys.update(key_of(fact) for facts in own.values() for fact in facts)
            self.own_facts[title] = {name: frozenset(filter(None, map(stem_key, own[name]))) for name in own}
            for name, facts in self.own_facts[title].items():
                for fact in facts:
                    self.fields.setdefault(fact, set()).add(name)
            raw[title] = {fact for facts in self.own_facts[title].values() for fact in facts}
        self.others: dict[tuple[str, ...], str] = {}
        for title in self.titles.values():
            for other in other_names(title):
                if other not in self.titles:
                    self.others.setdefault(other, title)
        self.beginnings = sorted(title.casefold() for title in self.titles.values())
        counts = Counter(fact for facts in raw.values() for fact in facts)
        self.facts = {
            title: frozenset(fact for fact in facts if 2 * counts[fact] <= len(raw)) for title, facts in raw.items()
        }
        self.fact_names = Names(self.fields)
        for title in self.titles.values():
            head, _, tail = title.rpartition(" - ")
            # "Foo Racer - Vela" is also called Foo Racer where Vela is a platform, or another fact.
            if (other := title_words(head)) and self._names_fact(tail) and other not in self.titles:
                self.others.setdefault(other, title)
        self.names = Names([*self.titles, *self.others])
        self.vocabulary = {word for key in self.titles for word in key if word[0].isalnum()}
        self.fact_words = {key[0] for key in self.fact_keys if len(key) == 1}

    def _names_fact(self, text: str) -> bool:
        words = stem_words(text)
        return any(self.fact_names.lengths(words, place) for place in range(len(words)))


def short_names(
    own: dict[tuple[str, ...], tuple[str, str]], catalogue: Catalogue
) -> dict[tuple[str, ...], tuple[str, str]]:
    """Return the other names of a case's own titles, what comes before their " - ", ": " or " (", and behind ": ".

    A name that the target shares with the history is left out: it does not say which of them is meant. So is one that
    is another item's title.

    Args:
        own: the titles and kinds of the case by their words.
        catalogue: the items of the dataset.
    """
    by_name: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for title, kind in own.values():
        heads = [title[: match.start()] for match in _HEAD_END.finditer(title)]
        # "Skyrim" is what people call "The Elder Scrolls V: Skyrim".
        tail = title.split(" - ")[0].rpartition(": ")
        heads.append(tail[2] if tail[0] else "")
        names = [name for name in map(title_words, heads) if any(word[0].isalnum() for word in name)]
        for name in dict.fromkeys((*names, *other_names(title))):
            if name not in own and catalogue.titles.get(name, title) == title:
                by_name.setdefault(name, []).append((title, kind))
    return {name: values[0] for name, values in by_name.items() if len({kind for _, kind in values}) == 1}


def _parts(field: str) -> set[str]:
    """Return the facts of a field; a feature may be a whole sentence, which no explanation repeats."""
    return _short(part.strip() for part in re.split(r"[;,]\s+", field))


def _short(facts: Iterable[str]) -> set[str]:
    return {fact for fact in facts if fact and len(fact.split()) <= 5}
