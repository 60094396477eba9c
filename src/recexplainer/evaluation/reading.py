"""The titles that an answer names, in their order, whatever stands between them.

An answer is cut at line ends, "; ", which no title holds, and ", ", unless it is inside a title. A piece that is a
title, but for case, bullets, numbers, quotation marks, bold type and marks at its end, is that title. In any other
piece titles are found as words, the longest first, so that "Doom II" is not "Doom"; and what goes on as a longer name,
"Doom 3", is neither. The time is proportional to the length of the answer.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from recexplainer.data.titles import title_key
from recexplainer.errors import InputError

_PIECES = re.compile(r"[\r\n]+|;(?=\s|$)")
_COMMA = re.compile(r",(?=\s|$)")
_WORD = re.compile(r"[^\W_]+")
# "2." or "(2)" in front of an item.
_NUMBER = re.compile(r"[\W_]*(\d{1,3})\s*[.):\]](?!\d)")
# The same between the items of one line: "1. Doom 2. Quake".
_INLINE = re.compile(r"(?<!\S)[*_(\[#]*(\d{1,3})[.)\]]+[*_]*\s+(?=\S)")
_MARKS = re.compile(r"[™®©]|\((?:tm|r|c)\)", re.IGNORECASE)
_PLAIN = str.maketrans("‘’“”–—−", "''\"\"---")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_NUMERAL = re.compile(r"\d{1,4}|i{2,3}|iv|vi{0,3}|ix|x")
# Words with a capital beside a title that are no part of a name.
_BEFORE = frozenset(
    "a an and best choice film finally first fourth fifth game i item last lastly movie next number option or product "
    "rank ranked recommend second sure the their then third title user worst".split()
)
_AFTER = frozenset("and as because before but first for is last or over second since than then which".split())


class _Token(NamedTuple):
    """A word of a piece: as written, as compared, and what stands between it and the word before."""

    text: str
    key: str
    gap: str

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


class TitleReader:
    """Finds titles of a catalogue in answers.

    Args:
        titles: of every item, unique under :func:`recexplainer.data.titles.title_key`.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self._exact: dict[str, str] = {}
        # What stands around a ", " in a title, to the titles and where in them it is.
        self._commas: dict[str, list[tuple[int, str]]] = {}
        # A tree of words: an edge from a node over a word; the root is 0. Of a node, the titles that end there.
        self._edges: dict[tuple[int, str], int] = {}
        self._ends: dict[int, list[str]] = {}
        for title in titles:
            key = title_key(title)
            self._exact[key] = title
            for comma in _COMMA.finditer(key):
                self._commas.setdefault(_around(key, comma.start()), []).append((comma.start(), key))
            node = 0
            for token in _tokens(title):
                node = self._edges.setdefault((node, token.key), len(self._edges) + 1)
            if node:
                self._ends.setdefault(node, []).append(title)

    def read(self, text: str, wanted: Collection[str] | None = None) -> list[str]:
        """Return the titles that an answer names, as the catalogue has them, in the order of the answer.

        Of a numbered list each item is the first title in it, so that a remark may name others. A title comes again
        where an item of the list repeats it, not where a sentence speaks of it again.

        Args:
            text: the answer.
            wanted: the titles that may be named, such as the candidates of a ranking, of which the question speaks;
                others are passed over. None for all: then a name may also go on behind a colon or a dash, so that
                "Halo: Reach" is not "Halo".
        """
        pieces = [part for piece in _PIECES.split(text) for part in self._parts(piece)]
        pieces = [part for piece in pieces for part in _listed(piece, self.has)]
        # The answer to item 1, to item 2 and so on, from the piece that has the item's number; before that, a preface.
        items: list[list[str]] = [[]]
        for piece in pieces:
            number = None if self.has(piece) else _NUMBER.match(piece)
            if number and int(number[1]) == len(items):
                items.append([])
                piece = piece[number.end() :]
            if piece.strip():
                items[-1].append(piece)
        firsts = [titles[0] for item in items[1:] if item for titles in [self._titles(item[0], wanted)[0]] if titles]
        listed = [title for title in firsts if wanted is None or title in wanted]
        if len(listed) > 1:
            return listed
        answer: list[str] = []
        seen: set[str] = set()
        for piece in pieces:
            titles, bare = self._titles(piece, wanted)
            for title in titles:
                if (wanted is None or title in wanted) and (bare or title not in seen):
                    answer.append(title)
                    seen.add(title)
        return answer

    def _parts(self, piece: str) -> Iterator[str]:
        """Yield what stands between the commas that are in no title."""
        start, lower = 0, piece.lower() if self._commas else ""
        for comma in _COMMA.finditer(piece):
            at = comma.start()
            options = self._commas.get(_around(lower, at), ()) if len(lower) == len(piece) else ()
            if not any(at >= place and lower.startswith(key, at - place) for place, key in options):
                yield piece[start:at]
                start = comma.end()
        yield piece[start:]

    def has(self, title: str) -> bool:
        """Return whether the whole text is a title of the catalogue."""
        return title_key(title) in self._exact

    def _titles(self, piece: str, wanted: Collection[str] | None) -> tuple[list[str], bool]:
        """Return the titles in a piece, and whether it has no words but them and numbers."""
        whole = self._whole(piece, wanted)
        return ([whole], True) if whole is not None else self._within(piece, wanted)

    def _whole(self, piece: str, wanted: Collection[str] | None) -> str | None:
        """Return the title that a piece is, None if it is none."""
        number = _NUMBER.match(piece)
        for text in (piece, piece[number.end() :]) if number else (piece,):
            exact = self._exact.get(title_key(text))
            if exact is not None:
                return exact
            tokens = _tokens(text)
            count, title = self._longest(tokens, 0, wanted)
            if count and count == len(tokens):
                return title
        return None

    def _longest(self, tokens: list[_Token], start: int, wanted: Collection[str] | None) -> tuple[int, str]:
        """Return the number of words and the title of the longest title that starts at a word; 0 without one."""
        node, count, options = 0, 0, [""]
        for place in range(start, len(tokens)):
            node = self._edges.get((node, tokens[place].key), -1)
            if node < 0:
                break
            if node in self._ends:
                count, options = place - start + 1, self._ends[node]
        # Titles that differ in their marks alone: the one that was asked about.
        return count, next((title for title in options if wanted and title in wanted), options[0])

    def _within(self, piece: str, wanted: Collection[str] | None) -> tuple[list[str], bool]:
        """Return the titles in a piece that is more than a title, and whether it has no words but them and numbers."""
        tokens = _tokens(piece)
        spans, place = [], 0
        while place < len(tokens):
            count, title = self._longest(tokens, place, wanted)
            if count:
                spans.append((place, place + count, title))
            place += max(1, count)
        inside = {place for start, end, _ in spans for place in range(start, end)}
        titles = []
        for start, end, title in spans:
            before = tokens[start - 1] if start and start - 1 not in inside else None
            after = tokens[end] if end < len(tokens) and end not in inside else None
            chosen = tokens[start:end]
            if not (
                _goes_on(before, chosen, after, wanted is None, start == 1) or _prose(before, chosen, after, title)
            ):
                titles.append(title)
        return titles, all(place in inside or token.key.isdecimal() for place, token in enumerate(tokens))


class AnswerReader:
    """Reads titles out of answers.

    Args:
        titles: of the catalogue.
        how: ``found``, wherever they are in the answer; or ``strict``, an answer is titles with "; " between them and
            nothing else.

    Raises:
        InputError: another value of ``how``.
    """

    def __init__(self, titles: list[str], how: str) -> None:
        if how not in ("found", "strict"):
            raise InputError(f"switches.title_reading: {how!r}; expected found or strict.")
        self.strict = how == "strict"
        self._finder = TitleReader(titles)

    def titles(self, text: str, wanted: list[str] | None = None) -> list[str]:
        """Return the titles of a list: those of ``wanted`` (default: the catalogue), or if strict whatever it holds."""
        return split_titles(text) if self.strict else self._finder.read(text, wanted)

    def title(self, text: str) -> str:
        """Return the first title that an answer names; the answer itself if it names none, or if strict."""
        return text if self.strict else next(iter(self._finder.read(text)), text)

    def known(self, titles: list[str]) -> int:
        """Return how many titles are of the catalogue."""
        return sum(map(self._finder.has, titles))


def split_titles(text: str) -> list[str]:
    """Return the titles of a list, read strictly. They are kept free of "; " (data/titles.py), but not of ";"."""
    return [title.strip() for title in re.split(r";(?:\s+|$)", text) if title.strip()]


def _goes_on(before: _Token | None, chosen: list[_Token], after: _Token | None, subtitles: bool, opens: bool) -> bool:
    """Return whether the words beside a title, which belong to no other, make a longer name of it.

    Args:
        before, after: the words beside it; None for none, or one of another title.
        chosen: its own words.
        subtitles: whether a colon or a dash goes on with a name.
        opens: whether ``before`` is the first word of its piece, where a capital says little.
    """
    if after is not None:
        if not after.gap.strip():
            counted = before is not None and before.key.isdecimal() and after.key == str(int(before.key) + 1)
            if _NUMERAL.fullmatch(after.key) and not counted:
                return True
            if after.capital and after.key not in _AFTER:
                return True
        if after.gap == "-" or (subtitles and after.gap in (": ", " - ") and not after.text[0].islower()):
            return True
    if before is not None:
        gap = chosen[0].gap
        if gap == "-" or (subtitles and gap == " - " and before.capital):
            return True
        if not gap.strip() and before.capital and before.key not in _BEFORE and (subtitles or not opens):
            return True
    return False


def _prose(before: _Token | None, chosen: list[_Token], after: _Token | None, title: str) -> bool:
    """Return whether a word of a sentence happens to spell a title of one word: "up" is not "Up"."""
    if len(chosen) > 1 or not chosen[0].text[0].islower() or title[0].islower():
        return False
    return (before is not None and not chosen[0].gap.strip()) or (after is not None and not after.gap.strip())


def _around(text: str, comma: int) -> str:
    """Return the characters around a comma."""
    return text[max(0, comma - 1) : comma + 3]


def _listed(piece: str, is_title: Any) -> Iterator[str]:
    """Yield a piece of an answer, the items of a numbered line apart unless they are one title."""
    cuts, expected = [], 1
    for match in () if is_title(piece) else _INLINE.finditer(piece):
        if int(match[1]) == expected:
            cuts.append(match.start())
            expected += 1
    if len(cuts) > 1:
        yield from (piece[start:end] for start, end in pairwise([0, *cuts, len(piece)]) if end > start)
    elif piece.strip():
        yield piece


@lru_cache(maxsize=4096)
def _decomposed(character: str) -> str:
    """Return a character without its accents. One by one, as the time of a whole text may grow with its square."""
    return "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))


def _tokens(text: str) -> list[_Token]:
    """Cut a text into words, without accents, apostrophes and the signs of trademarks."""
    text = _MARKS.sub("", text)
    if not text.isascii():
        text = "".join(map(_decomposed, text.translate(_PLAIN)))
    text = _APOSTROPHE.sub("", text).replace(" & ", " and ")
    tokens, end = [], 0
    for match in _WORD.finditer(text):
        tokens.append(_Token(match[0], match[0].casefold(), text[end : match.start()]))
        end = match.end()
    return tokens
