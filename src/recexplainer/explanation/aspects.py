"""Which aspects the reasons of an explanation cover: patterns of the history, and how the item agrees with them.

The paper asks for both (section 3.1.2). A sentence speaks of the history if it cites one of its titles, or if it names
a fact (tag, brand, feature) that several of its items share together with a word for the user or the history. It
relates the target to the history if it holds a word of likeness or difference, and it or the sentence before names the
target or a fact of it; where the target is only "it" or "the item", a fact or title of the history must be there.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from recexplainer.explanation.citations import Citation
from recexplainer.explanation.words import Catalogue, stem, words_of

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s)|$)", re.MULTILINE)
_PERSON = re.compile(
    r"\b(?:users?|histor(?:y|ies)|persons?|customers?|players?|viewers?|their|they|his|her|he|she|past|previous(?:ly)?|"
    r"prefer\w*|purchas\w*|bought|chose|chosen|choices?|played|watched|tastes?|patterns?|interests?|mostly|mainly)\b",
    re.IGNORECASE,
)
_RELATION = re.compile(
    r"\b(?:fit\w*|suit\w*|match\w*|mismatch\w*|align\w*|similar\w*|dissimilar\w*|consisten\w+|inconsisten\w+|same|"
    r"differ\w*|unlike|contrasts?|too|also|likewise|shares?|sharing|in common|in line|out of line|at odds|"
    r"correspond\w*|reflects?|deviat\w+|resembl\w+|relat\w+|unrelated|complement\w*|close to|far from|overlap\w*|"
    r"belongs?|departs?|conflict\w*|clash\w*|outside|appeal\w*|like (?:the|his|her|their|those|most)|"
    r"not (?:among|part)|lacks?|no (?:connection|relation|link|sign|evidence|indication|interest)|never)\b",
    re.IGNORECASE,
)
_IT = re.compile(
    r"\b(?:it|this|the (?:target |recommended )?(?:item|game|movie|film|title|product|candidate))\b", re.IGNORECASE
)


def find_aspects(
    text: str, citations: Sequence[Citation], case: Mapping[str, Any], catalogue: Catalogue
) -> dict[str, bool]:
    """Return whether a text covers ``patterns`` and ``consistency``.

    Args:
        text: the explanation.
        citations: the titles in it.
        case: ``history`` and ``title``.
        catalogue: the items of the dataset.
    """
    shared = shared_facts(list(case["history"]), catalogue)
    own = catalogue.facts.get(case["title"], frozenset())
    patterns = consistency = before = False
    for match in _SENTENCE.finditer(text):
        sentence = match[0]
        kinds = {cited.kind for cited in citations if match.start() <= cited.start < match.end()}
        named = _facts_in(_without(text, match, citations), shared | own)
        of_history = "history" in kinds or bool(named & shared and _PERSON.search(sentence))
        of_target = "target" in kinds or bool(named & own)
        patterns |= of_history
        if _RELATION.search(sentence):
            pronoun = bool(_IT.search(sentence)) and bool("history" in kinds or named & shared)
            consistency |= of_target or before or pronoun
        before = "target" in kinds
    return {"patterns": patterns, "consistency": consistency}


def shared_facts(history: list[str], catalogue: Catalogue) -> frozenset[tuple[str, ...]]:
    """Return the facts that two items of the history share, or that its only item has."""
    counts = Counter(fact for title in history for fact in catalogue.facts.get(title, ()))
    least = min(2, len(history))
    return frozenset(fact for fact, count in counts.items() if count >= least)


def _without(text: str, sentence: re.Match, citations: Sequence[Citation]) -> str:
    """Return a sentence without the titles in it: "Racing Stars" says nothing of racing."""
    pieces, start = [], sentence.start()
    for cited in citations:
        if sentence.start() <= cited.start < sentence.end():
            pieces.append(text[start : cited.start])
            start = cited.end
    return " | ".join([*pieces, text[start : sentence.end()]])


def _facts_in(text: str, facts: frozenset[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return which facts a text names."""
    keys = [stem(word.key) for word in words_of(text) if word.is_word or word.text == "|"]
    lengths = {len(fact) for fact in facts}
    return {
        key
        for length in lengths
        for place in range(len(keys) - length + 1)
        if (key := tuple(keys[place : place + length])) in facts
    }
