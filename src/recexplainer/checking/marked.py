"""An explanation with its errors and its true claims marked, as the figures show it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from recexplainer.checking.checker import Citation

PLAIN, RIGHT, WRONG = "plain", "right", "wrong"
ITEM, NAMED = "item", "named"
"""The marks of a right title beside ``right``, one in the history as said: the item in question, or merely named."""

STANDINGS = {
    "history": (RIGHT, "in the history, as said"),
    "target": (ITEM, "the item itself"),
    "named": (NAMED, "in the history, merely named"),
    "misplaced": (WRONG, "said to be in the history, or the item itself, and is not"),
    "refuted": (WRONG, "said to be what its metadata refutes"),
    "catalogue": (WRONG, "in the catalogue, not in the history"),
    "nowhere": (WRONG, "made up"),
}
"""How a cited title stands: its mark in the figures, and the words for it."""

ASPECTS = {
    "item": "name of the item",
    "patterns": "pattern in the history that the metadata bears out",
    "consistency": "relation between the history and the item that agrees with the decision",
}
"""What an explanation should speak of, in the words of the remarks."""

# A sentence ends at a mark that is followed by a space, or with its line; "2.5" and "vs.Capcom" stay whole.
_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s)|$)", re.MULTILINE)


def standing(cited: Citation) -> str:
    """Return how a cited title stands, a key of :data:`STANDINGS`; what no item of the case is, whatever its role."""
    if cited.kind in ("nowhere", "catalogue"):
        return cited.kind
    if cited.error:
        return "misplaced" if cited.error == "role" else "refuted"
    return "target" if cited.kind == "target" else cited.role


@dataclass(frozen=True)
class Run:
    """A stretch of text with one mark: ``plain``, ``right``, ``item``, ``named`` or ``wrong``."""

    text: str
    mark: str


def mark(text: str, citations: Iterable[Citation], decision: tuple[int, int, str] | None = None) -> list[Run]:
    """Cut a text into runs.

    Args:
        text: the explanation.
        citations: the titles in it; how they stand decides on their marks.
        decision: start, end and mark of the sentence that decides; titles inside it keep their own marks.

    Returns:
        Runs whose texts, joined, are ``text``. Neighbours differ in their marks.
    """
    marks = [PLAIN] * len(text)
    spans = [decision] if decision else []
    spans += [(citation.start, citation.end, STANDINGS[standing(citation)][0]) for citation in citations]
    for start, end, value in spans:
        marks[start:end] = [value] * len(text[start:end])
    for space in re.finditer(r"\s+", text):
        # Between two marks, or at an end, a space would be underlined for nothing.
        before, after = marks[space.start() - 1 : space.start()], marks[space.end() : space.end() + 1]
        if before != after:
            marks[space.start() : space.end()] = [PLAIN] * len(space.group())
    pairs = groupby(zip(text, marks, strict=True), key=lambda pair: pair[1])
    return [Run("".join(letter for letter, _ in group), value) for value, group in pairs]


def decision_span(
    text: str, decision: bool | None, right: bool, read: Callable[[str], bool | None]
) -> tuple[int, int, str] | None:
    """Find the sentence that decides.

    Args:
        text: the explanation.
        decision: what the whole text was read as.
        right: whether that is the recommender's decision.
        read: reads the decision of a sentence.

    Returns:
        Start, end and mark of the first sentence that is read as ``decision``; None if there is none.
    """
    if decision is None:
        return None
    for sentence in _SENTENCE.finditer(text):
        if read(sentence.group()) is decision:
            return sentence.start(), sentence.end(), RIGHT if right else WRONG
    return None


def remarks(
    decision: bool | None, right: bool, citations: Iterable[Citation], aspects: dict[str, bool | None], finish: str
) -> list[str]:
    """Say in words what the checks found, errors first; the same for readers who cannot see the marks.

    Args:
        decision: what the text was read as.
        right: whether that is the recommender's decision.
        citations: the titles in the text.
        aspects: of each of :data:`ASPECTS`, whether the text was found to speak of it; None where the metadata cannot
            tell.
        finish: how the text ended: ``stop``, ``length``, ``refused`` or ``failed``.
    """
    if finish == "refused":
        return ["The service declined to answer."]
    if finish == "failed":
        return ["There is no answer."]
    sentences = []
    if decision is None:
        sentences.append("No decision can be read.")
    elif not right:
        sentences.append("Decides against the recommender.")
    titles = {name: len({c.title.casefold() for c in citations if standing(c) == name}) for name in STANDINGS}
    if titles["nowhere"]:
        sentences.append(f"Cites {_count(titles['nowhere'], 'title')} that no item has.")
    if titles["catalogue"]:
        sentences.append(f"Cites {_count(titles['catalogue'], 'item')} that the user did not choose.")
    if titles["misplaced"]:
        sentences.append(f"Says of {_count(titles['misplaced'], 'item')} to be where it is not.")
    if titles["refuted"]:
        sentences.append(f"Says of {_count(titles['refuted'], 'item')} what the metadata refutes.")
    missing = [shown for name, shown in ASPECTS.items() if aspects[name] is False]
    if missing:
        sentences.append(f"The checks find no {' and no '.join(missing)}.")
    if aspects["patterns"] is None:
        sentences.append("The metadata cannot tell of a pattern in this history.")
    if finish == "length":
        sentences.append("Cut off at the token limit.")
    own = len({c.title.casefold() for c in citations if c.kind == "history"})
    cited = f"Cites {_count(own, 'item')} of the history." if own else ""
    return (sentences or ["Passes these checks."]) + ([cited] if cited else [])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
