"""What a text says that an item is, and whether the metadata refutes it: its genre, platform or brand.

"Foo is a racing game", "Foo is of the genre racing", "the racing game Foo", "racing games such as Foo and Bar", "Foo
(racing)", "Foo by Bar Studio".
A claim is refuted if it is a fact of the catalogue that this item does not have, though it has others of the same
field; an item without metadata refutes nothing, and neither does a claim that is denied ("is not a racing game") or
only supposed ("if Foo were a racing game").
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from recexplainer.checking.roles import chains, surroundings
from recexplainer.checking.words import Catalogue, Fact, Word, stem_words

_DENIED = re.compile(
    r"\b(?:not|no|never|hardly|neither|nor|nothing|less|far|unlike|opposite|than|departure|contrast)\b|n['’]t\b",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r"[\"'”’)*]*\s*(?:,\s*(?=an?\s)|:\s|\((?!\d{4}\))|,?\s*(?:(?:which|that)\s+)?(?:(?:is|are|was|were)\s|"
    r"(?:also\s+)?(?:belongs?\s+to|falls?\s+(?:into|under))\s))"
    r"\s*(?:(?:both|all|also|clearly|itself|really)\s+)*(?P<said>[^,.;:()\n]{1,80})",
    re.IGNORECASE,
)
# The maker or platform right behind a title, or behind what it is said to be.
_MAKER = re.compile(
    r"[\"'”’)*]*\s*(?:,\s*)?(?:(?:is|are|was|were)\b[^,.;:()\n]{0,60}?)?"
    r"\b(?P<word>by|from|for|on)\s+(?:the\s+)?(?P<said>[^,.;:()\n]{1,60})",
    re.IGNORECASE,
)
# "in line with the user's liking for racing" says what the user likes, not what the item is.
_TASTE = re.compile(
    r"\b(?:liking|taste|love|preference|appetite|fondness|passion|enthusiasm|weakness)s?\s+(?:for|by|from|on)\b",
    re.IGNORECASE,
)
_END = re.compile(r"\b(?:of|from|to|than|for|with|that|which|who|and|but|or|as|in|on|by|like|about)\b", re.IGNORECASE)
# "of the genre racing", "in the racing genre", "one of the best comedies".
_AMONG = re.compile(
    r"(?:(?:of|from|in)\s+(?:the\s+)?(?:(?:genre|category|kind|type)s?\s+|(?=(?:[\w-]+\s+){1,3}?(?:genre|category)\b))"
    r"|one\s+of\s+the\s+)",
    re.IGNORECASE,
)
_INSTEAD = re.compile(r"\b(?:rather\s+than|instead\s+of|(?:and|but)\s+not)\b", re.IGNORECASE)
_FANS = frozenset("fan player lover owner buyer user enthusiast people viewer customer gamer".split())
_NOUNS = frozenset("game film movy movie title one item product series".split())
_SUCH = re.compile(r",?\s+(?:such\s+as|like|called|named)\s*$", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.,;:!?()\n\"“”]")
_SAYING = re.compile(
    r"(?:\b(?:not|never)|n['’]t)\s+(?:say|think|claim|believe|call)\b|\b(?:if|supposing|assuming)\b[^,;:]*$",
    re.IGNORECASE,
)
# A line of a list: "2. Racing games: Foo, Bar".
_HEADED = re.compile(r"\s*(?:\W\s*)?(?:\(?\d{1,2}[.)]\s*)?(?P<said>[^.,;:!?()\n]{1,60}):\s*[\"'“‘*]*$")
_LEAD = 80  # characters before a title that are read for a genre
_ARTICLES = frozenset("the a an this that another".split())


def refuted(
    text: str, titles: Sequence[str | None], spans: Sequence[tuple[int, int]], catalogue: Catalogue
) -> list[Any]:
    """Return, for each title, the first fact that the text gives it wrongly, as words; None if there is none.

    Args:
        text: the explanation.
        titles: the items; None for what is no item.
        spans: where they are cited, ascending, without overlap.
        catalogue: the items of the dataset.
    """
    result: list[str | None] = [None] * len(spans)
    for chain in chains(text, spans):
        lead, rest = surroundings(text, spans, chain)
        if _SAYING.search(lead):
            continue
        ahead = list(_before(lead, catalogue))
        last = list(_behind(rest, catalogue))
        for place in chain:
            own = last
            if place != chain[-1]:
                # "Foo (racing)", "Foo, a racing game, and Bar": of this title alone; "Foo and Bar are ...": of both.
                own = list(_behind(text[spans[place][1] : spans[place + 1][0]], catalogue))
                own += last if _plural(rest) else []
            title = titles[place]
            wrong = (fact for fact in ahead + own if title and _is_wrong(fact, title, catalogue))
            result[place] = next((" ".join(fact) for fact in wrong), None)
    return result


def _plural(rest: str) -> bool:
    """Return whether what stands behind a list is said of all its titles."""
    return not re.match(r"[\"'”’)*]*\s*(?:[:(]|,\s*an?\s|(?:is|was)\s|(?:by|from|for|on)\s)", rest, re.IGNORECASE)


def _is_wrong(fact: Fact, title: str, catalogue: Catalogue) -> bool:
    own = catalogue.own_facts.get(title, {})
    fields: Collection[str] = catalogue.fields.get(fact, frozenset())
    if not any(own.get(field) for field in fields):
        return False
    # "RPG" is borne out by "Action RPG", "PlayStation" by "PlayStation 3".
    return not any(set(fact) <= set(known) for facts in own.values() for known in facts)


def _behind(rest: str, catalogue: Catalogue) -> Iterator[Fact]:
    """Yield the facts that are said behind a title."""
    copula = _COPULA.match(rest)
    said = _INSTEAD.split(copula["said"])[0] if copula else ""
    if said and not _DENIED.search(said):
        said = said[among.end() :] if (among := _AMONG.match(said)) else said
        end = _END.search(said)
        for _, fact in _facts(stem_words(said[: end.start()] if end else said), catalogue):
            yield fact
    maker = _MAKER.match(rest)
    before = maker[0][: maker.start("said") - maker.start()] if maker else ""
    if maker and not _DENIED.search(before) and not _TASTE.search(before):
        words = stem_words(maker["said"])
        for place, fact in _facts(words, catalogue)[:1]:
            after = words[place + len(fact)].key if place + len(fact) < len(words) else ""
            of_maker = "brand" in catalogue.fields[fact]
            if place == 0 and after not in _FANS and of_maker == (maker["word"].lower() in ("by", "from")):
                yield fact


def _before(lead: str, catalogue: Catalogue) -> Iterator[Fact]:
    """Yield the facts that are said right before a title."""
    headed = _HEADED.match(lead)
    if headed and (words := stem_words(headed["said"]))[-1:] and words[-1].key in _NOUNS:
        facts = _facts(words[:-1], catalogue)
        if sum(len(fact) for _, fact in facts) == len(words) - 1:
            yield from (fact for _, fact in facts)
    lead = lead[-_LEAD:].rstrip("\"'“‘* ")
    such = _SUCH.search(lead)
    said = lead[: such.start()] if such else lead
    comma = said.endswith(",") and not such
    said = said.rstrip(", ")
    said = said[max((match.end() for match in _CLAUSE_END.finditer(said)), default=0) :]
    words = stem_words(said)
    if words and words[-1].key in _NOUNS:
        words = words[:-1]
    last = len(words)
    for place, fact in reversed(_facts(words, catalogue)):
        if place + len(fact) != last:
            break
        front = [word.key for word in words[max(0, place - 2) : place]]
        # "As a racing game, Foo ..."; without "such as", an article: "the comedy Foo", and not "they like comedy. Foo".
        as_one = front in (["as", "a"], ["as", "an"])
        if as_one if comma else such or _ARTICLES.intersection(front):
            yield fact
        last = place


def _facts(words: list[Word], catalogue: Catalogue) -> list[tuple[int, Fact]]:
    """Return the facts that words name, each with the place of its first word, the longest at each."""
    facts, place = [], 0
    while place < len(words):
        count = max(catalogue.fact_names.lengths(words, place), default=0)
        if count:
            facts.append((place, tuple(word.key for word in words[place : place + count])))
        place += max(1, count)
    return facts
