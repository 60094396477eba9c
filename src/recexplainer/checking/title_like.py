"""Phrases that are written like a title though no item has it: runs of words with capitals, where a title is expected.

A run is taken for a title if it stands in a list with titles, behind a cue ("has played ...", "such as ..."), or if
its words, two or more, are those of titles of the catalogue ("Foo" and "Racer" of "Foo Forever", "Bar Racer"): small
language models make theirs up of these. Names of people, places and companies look the same, and are left alone behind
"by", "starring" and the like; so the number of titles that no item has stays a lower bound.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from recexplainer.checking.roles import chains, role_of, surroundings
from recexplainer.checking.words import Catalogue, Word, stem_words, words_of

SMALL = frozenset("a an and as at by de for from in la le of on or the to und vs with &".split())
"""Words that a title writes small."""

LONGEST = 8  # words with capitals in a title without quotation marks, at most
_INSIDE = frozenset("a an and at de for in la le of on or the to und vs &".split())
_OPENERS = frozenset(
    "a after all also although an and another anyone as based because both but by could each even every everyone fan "
    "fans finally first for from given had has have having he hence her his honestly how however i if in is it its "
    "just like likely looking many maybe most much my neither no nobody not nothing now of on one only or our overall "
    "perhaps please probably recently several she should since so some somebody someone still such sure that the their "
    "then there therefore these they this those though thus to too two three four unlike user users we well what when "
    "where whereas whether which while who why will with without would yes yet you your "
    "answer asked bought brand candidate category consistency conclusion content customer customers decision doubts "
    "explanation final genre genres history item items key label liked library model owned past pattern patterns "
    "platform played player players point points preference preferences profile purchase purchased purchases question "
    "rating reason reasons recommend recommendation recommended recommender recommending result similarity step "
    "summary tag tags target taste title titles verdict viewer viewers watched "
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday english french german japanese american british european".split()
)
_COMPANIES = frozenset("amazon disney netflix nintendo pixar playstation sega sony steam xbox".split())
# Behind these stands who made or sold it, or where and when.
_ELSEWHERE = re.compile(
    r"\b(?:by|from|starring|featuring|in|on|at|for|directors?|actors?|actress(?:es)?|authors?|studios?|developers?|"
    r"publishers?|brands?|platforms?|consoles?|characters?|composers?|cit(?:y|ies)|companies|company|"
    r"(?:directors|actors|studios|developers|publishers|brands|characters|authors|companies)\s+(?:like|such\s+as))"
    r"\s+(?:the\s+)?[\"'“‘*]*$",
    re.IGNORECASE,
)
_CUE_AT = re.compile(
    r"\b(?:played|watched|seen|saw|bought|purchased|owns?|owned|enjoyed|enjoys?|likes?|liked|loves?|loved|finished|"
    r"completed|tried|holds|has|includes|contains|lists|shows|recommend|suggest|offer|such\s+as|unlike|similar\s+to|"
    r"resembles|users?\s+of|fans?\s+of|:)\s+(?:the\s+|also\s+|both\s+)?[\"'“‘*]*$",
    re.IGNORECASE,
)
_PERSON_BEHIND = re.compile(
    r"\s+(?:is|was|are|were)\s+(?:also\s+)?(?:an?|the)\s+(?:\w+\s+)?(?:actors?|actress|directors?|authors?|writers?|studio|"
    r"developers?|publishers?|compan(?:y|ies)|brand|characters?|hero(?:ine)?|composers?|cit(?:y|ies)|platform|console)\b",
    re.IGNORECASE,
)


def phrases(
    text: str,
    words: Sequence[Word],
    known: Sequence[tuple[int, int]],
    made_up: Callable[[int, int], bool],
    catalogue: Catalogue,
) -> Iterator[tuple[int, int]]:
    """Yield start and end of the phrases that are written like titles.

    Args:
        text: the explanation.
        words: its words.
        known: start and end of the titles that were found, ascending.
        made_up: says of a run whether nothing else speaks against its being a title.
        catalogue: the items of the dataset.
    """
    runs = {(start, end): opens for start, end, opens in _runs(text, words, known)}
    runs = {run: opens for run, opens in runs.items() if not _is_other(text, *run, catalogue) and made_up(*run)}
    spans = sorted([*known, *runs])
    for chain in chains(text, spans):
        mine = [place for place in chain if spans[place] in runs]
        if not mine:
            continue
        lead, rest = surroundings(text, spans, chain)
        if _ELSEWHERE.search(lead):
            continue
        beside = len(mine) < len(chain)
        said = role_of(lead, rest) != "named" or bool(_CUE_AT.search(lead))
        for place in mine:
            start, end = spans[place]
            inside = [word.key for word in plain_words(text[start:end]) if word.key not in SMALL]
            if is_person(text, end):
                continue
            if len(inside) > 1:
                told = beside or said or all(key in catalogue.vocabulary for key in inside)
            else:
                told = not runs[start, end] and (beside or bool(_CUE_AT.search(lead)))
            if told:
                yield start, end


def is_person(text: str, end: int) -> bool:
    """Return whether what stands behind a phrase says that it is a person, a company or a place."""
    return _PERSON_BEHIND.match(text, end, min(len(text), end + 80)) is not None


def plain_words(text: str) -> list[Word]:
    """Return the words of a phrase that are no punctuation and no "s" behind an apostrophe."""
    words = words_of(text)
    return [word for word in words if word.is_word and not (word.key == "s" and text[word.start - 1] in "'’")]


def _runs(text: str, words: Sequence[Word], known: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Yield start and end of the runs of capitals outside the known titles, and whether a run opens its sentence."""
    taken = iter([*known, (len(text) + 1, len(text) + 1)])
    start, end = next(taken)
    run: list[Word] = []
    for word in words:
        if word.key == "and" and len(_capitals(run)) > 1:
            # "Foo Racer and Bar Club" are two; "Foo and Bar" may be one.
            yield from _cut(text, run)
            run = []
            continue
        while word.start >= end:
            start, end = next(taken)
        inside = start <= word.start
        if not inside and _goes_on(text, run, word):
            run.append(word)
            continue
        yield from _cut(text, run)
        run = [word] if not inside and _begins(word) else []
    yield from _cut(text, run)


def _begins(word: Word) -> bool:
    return word.is_word and word.text[0].isupper()


def _goes_on(text: str, run: list[Word], word: Word) -> bool:
    """Return whether a word belongs to the run before it."""
    if not run:
        return False
    gap = text[run[-1].end : word.start]
    if "\n" in gap or len(gap) > 1:
        return False
    if word.is_word:
        return word.text[0].isupper() or word.text[0].isdigit() or word.key in _INSIDE or run[-1].text in "'’"
    # "Steel & Rust", "Night - PC", "Miller's", "Spider-Club"; a quotation mark closes the run.
    return word.text in "&-–" or (word.text in "'’" and text[word.end : word.end + 1].isalpha() and not gap)


def _cut(text: str, run: list[Word]) -> Iterator[tuple[int, int, bool]]:
    """Yield a run without the words before and behind it that belong to its sentence."""
    if not run:
        return
    opens = _opens(text, run[0].start)
    if opens and run[0].key in _OPENERS - {"the", "a", "an"}:
        run, opens = run[1:], False
        while run and not (run[0].is_word and run[0].text[0].isupper()):
            run = run[1:]
    while len(run) > 2 and run[-1].text.isdigit() and run[-2].key in SMALL:
        run = run[:-2]
    while (
        run
        and not (run[-1].is_word and (run[-1].text[0].isupper() or run[-1].text[0].isdigit()))
        and not (len(run) > 1 and run[-2].text in "'’")
    ):
        run = run[:-1]
    named = _capitals(run)
    if not named or len(named) > LONGEST:
        return
    if len(named) == 1 and (len(run[-1].text) < 3 or named[0].text.isupper()):
        return
    yield run[0].start, run[-1].end, opens


def _capitals(run: list[Word]) -> list[Word]:
    return [word for word in run if word.is_word and word.text[0].isupper() and word.key not in _OPENERS]


def _opens(text: str, start: int) -> bool:
    """Return whether a place is the start of a sentence; an item of a list with nothing else in its line is none."""
    piece = text[max(0, start - 64) : start].rstrip(" *_#>\"'“‘(")
    if piece and piece[-1] == "\n" or re.search(r"(?:^|\n)\s*(?:[-•]|\(?\d{1,2}[.)])$", piece):
        return bool(re.match(r"[^\n]*:", text[start : start + 64]))
    return not piece or piece[-1] in ".!?:"


def _is_other(text: str, start: int, end: int, catalogue: Catalogue) -> bool:
    """Return whether a run is a genre, a brand or a platform, or begins with a maker's name."""
    words = stem_words(text[start:end])
    if not words:
        return True
    if words[0].key in _COMPANIES or any(
        "brand" in catalogue.fields[tuple(word.key for word in words[:count])]
        for count in catalogue.fact_names.lengths(words, 0)
    ):
        return True
    place = 0
    while place < len(words):
        count = max(catalogue.fact_names.lengths(words, place), default=0)
        if not count and words[place].key not in SMALL:
            return False
        place += max(1, count)
    return True
