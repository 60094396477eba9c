"""The titles that a text cites, of the catalogue and made up.

Titles of the catalogue are found by the longest match of whole words, whatever their capitals, accents, trademark signs
and quotation marks, also as people write them: without the year or the first article. A
title that the text makes up is found where the text sets it apart as one: in quotation marks, as a piece of a
list with semicolons, as what a history "holds", as the subject of a sentence ("Foo Racer is a ..."), and where
:mod:`recexplainer.checking.title_like` expects one. A name that is written like prose is not, so the number of
made-up titles is a lower bound. Each title has a role, as what it is cited, and an error if that is not so.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from recexplainer.checking.citation import Citation, judged
from recexplainer.checking.title_like import SMALL, is_person, phrases
from recexplainer.checking.words import (
    ARTICLES,
    Catalogue,
    Names,
    Word,
    contains,
    short_names,
    title_words,
    words_of,
)

_QUOTED = re.compile(
    r"[\"“”]([^\"“”\n]{1,200})[\"“”]"
    r"|(?<![\w'’])['‘](?=\S)((?:[^'’\n]|['’](?=\w)){1,200}?)['’](?!\w)"
)
# Between the titles of a list. No title holds "; "; one with a ", " is found as a whole, before pieces are looked at.
_SEPARATOR = re.compile(r"[;,]\s+")
# After a quoted word, these say that it is no title: the 'Stealth' genre.
_GENERIC = re.compile(
    r"[^\w\n]{0,3}(?:\w+[^\S\n])?(?:genres?|series|franchises?|platforms?|consoles?|categor\w+|brands?|studios?|publishers?|"
    r"developers?|tags?|themes?|elements?|features?|games?|gaming|movies?|films?|titles?|items?|products?|accessor\w+|"
    r"styles?|content|aspects?|answers?)\b",
    re.IGNORECASE,
)
# Before one as well: the word 'Musical', the series 'Foo'.
_GENERIC_BEFORE = re.compile(
    r"\b(?:genre|series|franchise|platform|console|category|brand|studio|publisher|developer|tag|theme|word|answer)s?\s*$",
    re.IGNORECASE,
)
_HOLDS = re.compile(r"\bhistory\s+(?:holds|has|includes|contains|lists|shows|of)\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+")
_SUBJECT = re.compile(r"(?<!\S)(?=[A-Z0-9])([^.!?;,\n]{3,200}?)(?=\s{1,9}(?:is|was)\s{1,9}(?:also\s{1,9})?an?\s)")
LONGEST_RUN = (
    400  # characters; a longer run of capitals is no title, and all of it would be read from each of its words
)
WORDS_BEFORE = 12  # words of a title before quotation marks in it
BEFORE = 64  # characters before a word that say whether it opens a sentence
# Words with a capital that open a sentence without being a title.
_OPENERS = frozenset(
    "a an and answer as based both but decision each given he her his however i if in it its most no not on one our "
    "overall rating reason reasons recommend recommended she so some sure that the their there these they this thus "
    "user users we what while yes you your".split()
)
_NUMBER = re.compile(r"[ \t](?:\d{1,4}|II|III|IV|VI{0,3}|IX|X)(?!\w|\.\d)")


def find_citations(text: str, history: list[str], target: str, catalogue: Catalogue) -> list[Citation]:
    """Return the titles that a text cites, in their order, without overlap, with their roles and errors.

    Args:
        text: the explanation.
        history: titles of the history.
        target: the title of the target item.
        catalogue: the items of the dataset.
    """
    finder = _Finder(text, history, target, catalogue)
    finder.quoted()
    finder.known()
    finder.set_apart()
    finder.title_like()
    return judged(text, finder.in_order(), catalogue)


class _Finder:
    """Finds titles in one text; each step leaves alone what an earlier one has claimed."""

    def __init__(self, text: str, history: list[str], target: str, catalogue: Catalogue) -> None:
        self.text = text
        self.words = words_of(text)
        self.catalogue = catalogue
        self.own = {title_words(title): (title, "history") for title in history}
        self.own.setdefault(title_words(target), (target, "target"))
        self.short = short_names(self.own, catalogue)
        self.names = Names([*self.own, *self.short])
        self.starts = [word.start for word in self.words]
        self.end = len(text.rstrip())
        self.taken = bytearray(len(text))  # 1 where a citation is
        self.cited: list[Citation] = []

    def quoted(self) -> None:
        """Titles in quotation marks, known or not."""
        for match in _QUOTED.finditer(self.text):
            start, end = match.span(1 if match[1] is not None else 2)
            whole = self._exactly(title_words(self.text[start:end]))
            if whole:  # "Papers, Please" is no list
                self._add(start, end, *whole)
                continue
            for piece_start, piece_end in _pieces(self.text, start, end):
                lead = self.text[max(0, match.start() - BEFORE) : match.start()]
                generic = _GENERIC.match(self.text, match.end()) or _GENERIC_BEFORE.search(lead)
                self._quote(piece_start, piece_end, generic is not None)

    def _quote(self, start: int, end: int, generic: bool) -> None:
        known = self._lookup(start, end, least=1)
        if known:
            self._add(start, end, *known)
        elif not generic and self._made_up(start, end) and not self._part_of_title(start, end):
            self._add(start, end, self.text[start:end], "nowhere")

    def _part_of_title(self, start: int, end: int) -> bool:
        """Return whether quotation marks are those of a known title around them, as in: The "Best" of Dust."""
        place = bisect_left(self.starts, start)
        return any(
            self.words[first + count - 1].start >= end
            for first in range(max(0, place - WORDS_BEFORE), place)
            for names in (self.names, self.catalogue.names)
            for count in names.lengths(self.words, first)
        )

    def _exactly(self, key: tuple[str, ...]) -> tuple[str, str] | None:
        """Return the title and kind of which the words are a name."""
        title = self.catalogue.titles.get(key) or self.catalogue.others.get(key)
        known = self.own.get(key) or self.short.get(key)
        return known or ((title, "catalogue") if title and not self._within(key) and not self._is_fact(key) else None)

    def known(self) -> None:
        """Titles of the catalogue anywhere in the text, the longest match first."""
        place = 0
        while place < len(self.words):
            count, title, kind = self._longest(place)
            if count:
                first, last = self.words[place], self.words[place + count - 1]
                end = last.end
                more = _NUMBER.match(self.text, end)
                if more and kind != "nowhere" and not title[-1].isdigit():
                    # "Foo Racer 2" is not "Foo Racer".
                    end, title, kind = more.end(), self.text[first.start : more.end()], "nowhere"
                self._add(first.start, end, title, kind)
            place += max(1, count)

    def _longest(self, place: int) -> tuple[int, str, str]:
        """Return the number of words, the title and the kind of the longest title that starts at a word."""
        counts = {*self.names.lengths(self.words, place), *self.catalogue.names.lengths(self.words, place)}
        for count in sorted(counts, reverse=True):
            chosen = self.words[place : place + count]
            if not self._free(chosen[0].start, chosen[-1].end):
                continue
            key = tuple(word.key for word in chosen)
            own = self.own.get(key) or self.short.get(key)
            if own and self._plainly(chosen, own[0], True):
                return count, *own
            title = self.catalogue.titles.get(key)
            other = self.catalogue.others.get(key) if title is None else None
            if (named := title or other) and not own:
                within = self._within(key)
                if within and self._plainly(chosen, named, True):
                    return count, *within
                if not within and title and self._plainly(chosen, title, False):
                    return count, title, "catalogue"
                if not within and other and self._as_name(chosen, other):
                    return count, other, "catalogue"
        return 0, "", ""

    def _as_name(self, chosen: list[Word], title: str) -> bool:
        """Return whether words that are not quite another item's title have its capitals ("Out of Us")."""
        given = {word.key: word.text for word in words_of(title) if word.is_word}
        letters = [word for word in chosen if word.is_word]
        if any(word.text[0].islower() and not given[word.key][0].islower() for word in letters):
            return False
        # Of a single word or two, a capital at the start of a sentence says nothing.
        return self._plainly(chosen, title, False) and (len(letters) > 2 or not self._opens_sentence(chosen[0].start))

    def _plainly(self, chosen: list[Word], title: str, own: bool) -> bool:
        """Return whether words are meant as a title, not as prose that happens to spell one ("up", "the game")."""
        letters = [word for word in chosen if word.is_word]
        if len(letters) >= (2 if own else 3):
            return True
        if any(word.text[0].islower() and not given[0].islower() for word, given in _capitals(letters, title)):
            return False
        if len(letters) > 1:
            return True
        key = letters[0].key if letters else chosen[0].key
        if key in _OPENERS or key in self.catalogue.fact_words:
            return False
        return own or not self._opens_sentence(chosen[0].start)

    def _opens_sentence(self, start: int) -> bool:
        before = self.text[max(0, start - BEFORE) : start].rstrip(" *_#>-\"'“‘(")
        return not before or before[-1] in ".!?:\n"

    def _begins_sentence(self, start: int) -> bool:
        before = self.text[max(0, start - BEFORE) : start]
        bare = before.rstrip()
        return (not bare and start <= BEFORE) or "\n" in before[len(bare) :] or bare[-1:] in tuple(".!?")

    def set_apart(self) -> None:
        """Made-up titles without quotation marks: in lists with semicolons, after "history holds", as a subject."""
        for start, end in self._slots():
            if not self._free(start, end):
                continue
            known = self._lookup(start, end, least=2)
            if known:
                # Another item's title was found before, unless it is prose that happens to spell one.
                if known[1] == "catalogue":
                    continue
                self._add(start, end, *known)
            elif (
                not _GENERIC.match(self.text, end)
                and not is_person(self.text, end)
                and self._made_up(start, end, least=2)
            ):
                self._add(start, end, self.text[start:end], "nowhere")

    def title_like(self) -> None:
        """Made-up titles in prose: runs of capitals where a title is expected."""
        known = [(cited.start, cited.end) for cited in self.in_order()]

        def made_up(start: int, end: int) -> bool:
            generic = _GENERIC.match(self.text, end)
            within = self._within(title_words(self.text[start:end])) or self._lookup(start, end, least=2)
            return not generic and not within and self._made_up(start, end)

        for start, end in list(phrases(self.text, self.words, known, made_up, self.catalogue)):
            self._add(start, end, self.text[start:end], "nowhere")

    def in_order(self) -> list[Citation]:
        """Return what was found so far, in the order of the text."""
        return sorted(self.cited, key=lambda citation: citation.start)

    def _slots(self) -> Iterator[tuple[int, int]]:
        """Yield the places where a title is expected, each cut to its run of capitals."""
        for match in _SENTENCE.finditer(self.text):
            if ";" not in match[0]:
                continue
            pieces = list(_pieces(self.text, match.start(), match.end(), re.compile(r";\s+")))
            if pieces and (opening := _HOLDS.search(self.text, *pieces[0])):
                yield self._capital_run(opening.end(), pieces[0][1])
            for start, end in pieces[1:]:
                yield self._capital_run(start, end)
        for match in _HOLDS.finditer(self.text):
            yield self._capital_run(match.end(), len(self.text))
        for match in _SUBJECT.finditer(self.text):
            if self._begins_sentence(match.start()):
                yield match.span(1)

    def _capital_run(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the words with capitals at the start of a span, small words between them included."""
        last = start
        for place in range(bisect_left(self.starts, start), len(self.words)):
            word = self.words[place]
            if word.end > min(end, start + LONGEST_RUN):
                break
            if word.text in ",;" or (word.text in ".!?" and not self.text[word.end : word.end + 1].strip()):
                break
            if word.is_word and (word.text[0].isupper() or word.text[0].isdigit()):
                last = word.end
            elif word.is_word and word.key not in SMALL and self.text[word.start - 1] not in "'’":
                break
        return start, last

    def _lookup(self, start: int, end: int, least: int) -> tuple[str, str] | None:
        """Return the title and kind of a whole span: a title, or ``least`` words or more of one of the case's own."""
        key = title_words(self.text[start:end])
        if not key:
            return None
        if key in self.own:
            return self.own[key]
        if key in self.short:
            return self.short[key]
        if len(key) > 1 and key[0] in ARTICLES and (bare := self.own.get(key[1:]) or self.short.get(key[1:])):
            return bare
        telling = [word for word in key if word[0].isalnum() and word not in SMALL | _OPENERS]
        within = self._within(key) if len(telling) >= least and not self._is_fact(key) else None
        if within:
            return within
        title = self.catalogue.titles.get(key) or self.catalogue.others.get(key)
        if title and not self._is_fact(key):
            return title, "catalogue"
        for own, value in self.own.items():
            rest = key[len(own) :]
            # "Foo Racer (PC)", "Foo Racer - PC": the title with a remark.
            if rest and key[: len(own)] == own and rest[0] in "(-:[":
                return value
        return None

    def _within(self, key: tuple[str, ...]) -> tuple[str, str] | None:
        """Return the case's own title, the history's first, of which the words are a part.

        "Foo Racer" is no part of "Foo Racer (2)" where another item has that title: then the number tells them apart.
        """
        other = self.catalogue.titles.get(key)
        return next(
            (
                value
                for own, value in self.own.items()
                if contains(own, key) and not (_numbered(own, key) and other not in (None, value[0]))
            ),
            None,
        )

    def _is_fact(self, key: tuple[str, ...]) -> bool:
        return key in self.catalogue.fact_keys

    def _made_up(self, start: int, end: int, least: int = 1) -> bool:
        """Return whether a span that is no known title is written like one."""
        inner = self._words(start, end)
        letters = [word for word in inner if word.is_word]
        # The "s" after an apostrophe is no word of its own.
        letters = [word for word in letters if word.start == start or self.text[word.start - 1] not in "'’"]
        if (
            self._unfinished(start, end)
            or not least <= len(letters) <= 20
            or self._is_fact(tuple(word.key for word in inner))
        ):
            return False
        if not all(word.text[0].isupper() or word.text[0].isdigit() or word.key in SMALL for word in letters):
            return False
        if not any(word.text[0].isupper() for word in letters):
            return False
        return letters[0].key not in _OPENERS or (len(letters) > 1 and letters[1].text[0].isupper())

    def _unfinished(self, start: int, end: int) -> bool:
        """Return whether a text that was cut off ends in the middle of a title."""
        if end < self.end:
            return False
        begun = self.text[start:end].casefold()
        place = bisect_left(self.catalogue.beginnings, begun)
        return place < len(self.catalogue.beginnings) and self.catalogue.beginnings[place].startswith(begun)

    def _words(self, start: int, end: int) -> list[Word]:
        inside = self.words[bisect_left(self.starts, start) : bisect_left(self.starts, end)]
        return inside[:-1] if inside and inside[-1].end > end else inside

    def _free(self, start: int, end: int) -> bool:
        return self.taken.find(1, start, end) < 0

    def _add(self, start: int, end: int, title: str, kind: str) -> None:
        if start < end and self._free(start, end):
            self.taken[start:end] = b"\1" * (end - start)
            self.cited.append(Citation(start, end, title, kind))


def _pieces(text: str, start: int, end: int, separator: re.Pattern[str] = _SEPARATOR) -> Iterator[tuple[int, int]]:
    """Yield the stripped pieces of ``text[start:end]`` between separators."""
    for match in [*separator.finditer(text, start, end), None]:
        stop = match.start() if match else end
        piece = text[start:stop]
        left = start + len(piece) - len(piece.lstrip())
        right = start + len(piece.rstrip(" .,;:!?"))
        if left < right:
            yield left, right
        start = match.end() if match else end


def _numbered(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    number = longer[len(shorter) :]
    return len(number) == 3 and number[0] == "(" and number[1].isdigit() and longer[: len(shorter)] == shorter


def _capitals(letters: list[Word], title: str) -> list[tuple[Word, str]]:
    given = [word.text for word in words_of(title) if word.is_word]
    return list(zip(letters, given, strict=False))
