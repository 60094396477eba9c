"""Which aspects the reasons of an explanation cover, so far as the metadata tells.

The paper asks for the patterns of the history, and how the item agrees with them (section 3.1.2). Three things are
looked for:

- **item**: the item in question is named.
- **patterns**: a sentence names a fact (tag, brand, feature) that several items of the history share, together with a
  word for the user or with titles of the history, and no fact that no item of the case has. Where the items of the
  history share no fact, the metadata cannot bear a pattern out: None.
- **consistency**: sentences relate the item to the history, and agree with the verdict: a Yes with likeness, a No with
  a difference. A sentence relates them if it holds a word of either, and it or the sentence before names the item or a
  fact of it; where the item is only "it" or "the item", a fact or title of the history must be there.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from recexplainer.checking.citation import Citation
from recexplainer.checking.words import Catalogue, Fact, stem_words

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s)|$)", re.MULTILINE)
_PERSON = re.compile(
    r"\b(?:users?|histor(?:y|ies)|persons?|customers?|players?|viewers?|their|they|his|her|he|she|past|previous(?:ly)?|"
    r"prefer\w*|purchas\w*|bought|chose|chosen|choices?|played|watched|tastes?|patterns?|interests?|mostly|mainly)\b",
    re.IGNORECASE,
)
_LIKE = (
    r"fit\w*|suit\w*|match\w*|align\w*|similar\w*|consisten\w+|same|too|also|likewise|shares?|sharing|in\s+common|"
    r"in\s+line|correspond\w*|reflects?|resembl\w+|relat\w+|connection|relation|link|complement\w*|close\s+to|overlap\w*|"
    r"belongs?|appeal\w*|like\s+(?:the|his|her|their|those|most)"
)
_UNLIKE = (
    r"mismatch\w*|dissimilar\w*|inconsisten\w+|differ\w*|unlike|contrasts?|out\s+of\s+line|out\s+of\s+place|at\s+odds|"
    r"deviat\w+|unrelated|far\s+from|departs?|conflict\w*|clash\w*|outside|lacks?|"
    r"no\s+(?:sign|evidence|indication|interest)|never|not\s+(?:among|part)"
)
_RELATION = re.compile(rf"\b(?:(?P<unlike>{_UNLIKE})|(?P<like>{_LIKE}))\b", re.IGNORECASE)
_NOT = re.compile(
    r"(?:\b(?:not|no|nor|neither|never|hardly|without|nothing|little|few|less)\b|n['’]t\b)", re.IGNORECASE
)
_CLAUSE = re.compile(
    r"[,;:—()]|\b(?:but|however|although|though|while|because|since|whereas|so|as|and)\b", re.IGNORECASE
)
_IT = re.compile(
    r"\b(?:it|this|the (?:target |recommended )?(?:item|game|movie|film|title|product|candidate))\b", re.IGNORECASE
)


REACH = 60  # characters before a word of likeness in which a "not" denies it


def find_aspects(
    text: str, citations: Sequence[Citation], case: Mapping[str, Any], catalogue: Catalogue, decision: bool | None
) -> dict[str, bool | None]:
    """Return whether a text covers ``item``, ``patterns`` and ``consistency``; None where the metadata cannot tell.

    Args:
        text: the explanation.
        citations: the titles in it.
        case: ``history`` and ``title``.
        catalogue: the items of the dataset.
        decision: what the text decides; None if it cannot be read: then any relation is a consistency.
    """
    history = list(case["history"])
    shared = shared_facts(history, catalogue)
    own = catalogue.facts.get(case["title"], frozenset())
    known = {fact for title in (*history, case["title"]) for fact in _all_facts(title, catalogue)}
    patterns = before = False
    relations: list[bool] = []
    for match in _SENTENCE.finditer(text):
        sentence = match[0]
        inside = [cited for cited in citations if match.start() <= cited.start < match.end()]
        kinds = {cited.kind for cited in inside if cited.error != "role"}
        plain = _without(text, match, citations)
        named = _facts_in(plain, catalogue)
        strange = {fact for fact in named if not _borne_out(fact, known)} if not _NOT.search(plain) else set()
        if named & shared and not strange:
            patterns |= "history" in kinds or bool(_PERSON.search(plain))
        stated = _relations(plain)
        if stated:
            pronoun = bool(_IT.search(sentence)) and bool("history" in kinds or named & shared)
            if "target" in kinds or named & own or before or pronoun:
                relations += stated
        before = "target" in kinds
    return {
        "item": any(cited.kind == "target" and cited.error != "role" for cited in citations),
        "patterns": patterns if shared else None,
        "consistency": _agrees(relations, decision),
    }


def nothing_differs(
    text: str, citations: Sequence[Citation], case: Mapping[str, Any], catalogue: Catalogue, decision: bool | None
) -> str:
    """Return a fact that a No names and that the item and the history have in common; "" if it names any other one.

    Such a text has no fact in which they differ: what it says speaks for a Yes. A text that names no fact of the item
    or the history is not meant.

    Args:
        text, citations, case, catalogue, decision: as of :func:`find_aspects`.
    """
    if decision is not False:
        return ""
    own = catalogue.facts.get(case["title"], frozenset())
    had = {fact for title in case["history"] for fact in catalogue.facts.get(title, ())}
    named = {
        fact
        for match in _SENTENCE.finditer(text)
        for fact in _facts_in(_without(text, match, citations), catalogue)
        if fact in own or fact in had
    }
    return " ".join(min(named)) if named and named <= own & had else ""


def _relations(sentence: str) -> list[bool]:
    """Return, for each word of likeness or difference, whether it says likeness; "does not fit" says difference."""
    ends = [0, *(match.end() for match in _CLAUSE.finditer(sentence))]
    relations = []
    for match in _RELATION.finditer(sentence):
        start = max(ends[bisect_right(ends, match.start()) - 1], match.start() - REACH)
        relations.append((match["like"] is not None) != bool(_NOT.search(sentence, start, match.start())))
    return relations


def _agrees(relations: list[bool], decision: bool | None) -> bool:
    """Return whether what was said of the item and the history speaks for the verdict at least as often as against."""
    if decision is None:
        return bool(relations)
    count = relations.count(decision)
    return count > 0 and 2 * count >= len(relations)


def _all_facts(title: str, catalogue: Catalogue) -> set[Fact]:
    return {fact for facts in catalogue.own_facts.get(title, {}).values() for fact in facts}


def _borne_out(fact: Fact, known: set[Fact]) -> bool:
    """Return whether items have a fact: "RPG" is borne out by "Action RPG"."""
    return fact in known or any(set(fact) <= set(other) for other in known)


def shared_facts(history: list[str], catalogue: Catalogue) -> frozenset[Fact]:
    """Return the facts that two items of the history share, or that its only item has."""
    counts = Counter(fact for title in history for fact in catalogue.facts.get(title, ()))
    least = min(2, len(history))
    return frozenset(fact for fact, count in counts.items() if count >= least)


def _without(text: str, sentence: re.Match[str], citations: Sequence[Citation]) -> str:
    """Return a sentence without the titles in it: "Racing Stars" says nothing of racing."""
    pieces, start = [], sentence.start()
    for cited in citations:
        if sentence.start() <= cited.start < sentence.end():
            pieces.append(text[start : cited.start])
            start = cited.end
    return " | ".join([*pieces, text[start : sentence.end()]])


def _facts_in(text: str, catalogue: Catalogue) -> set[Fact]:
    """Return which facts a text names, the longest at each place; a bar stands for a title."""
    facts: set[Fact] = set()
    for piece in text.split("|"):
        words, place = stem_words(piece), 0
        while place < len(words):
            counts = catalogue.fact_names.lengths(words, place)
            facts.update(tuple(word.key for word in words[place : place + count]) for count in counts)
            place += max([1, *counts])
    return facts
