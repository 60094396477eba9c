"""An explanation with its errors and its true claims marked, as the figures show it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from recexplainer.explanation.checker import Citation

PLAIN, RIGHT, WRONG = "plain", "right", "wrong"

CITATION_MARKS = {"history": RIGHT, "target": RIGHT, "catalogue": WRONG, "nowhere": WRONG}
"""How a cited title is marked, by what it is: of the history, the target item, some other item, or no item at all."""

ASPECTS = {"patterns": "pattern in the history", "consistency": "relation between the history and the item"}
"""What an explanation should speak of, in the words of the remarks."""

# A sentence ends at a mark that is followed by a space, or with its line; "2.5" and "vs.Capcom" stay whole.
_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s)|$)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A stretch of text with one mark: ``plain``, ``right`` or ``wrong``."""

    text: str
    mark: str


def mark(text: str, citations: Iterable[Citation], decision: tuple[int, int, str] | None = None) -> list[Run]:
    """Cut a text into runs.

    Args:
        text: the explanation.
        citations: the titles in it; their kinds are the keys of :data:`CITATION_MARKS`.
        decision: start, end and mark of the sentence that decides; titles inside it keep their own marks.

    Returns:
        Runs whose texts, joined, are ``text``. Neighbours differ in their marks.
    """
    marks = [PLAIN] * len(text)
    spans = [decision] if decision else []
    spans += [(citation.start, citation.end, CITATION_MARKS[citation.kind]) for citation in citations]
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
    decision: bool | None, right: bool, citations: Iterable[Citation], aspects: dict[str, bool], finish: str
) -> list[str]:
    """Say in words what the checks found, errors first; the same for readers who cannot see the marks.

    Args:
        decision: what the text was read as.
        right: whether that is the recommender's decision.
        citations: the titles in the text.
        aspects: of each of :data:`ASPECTS`, whether the text was found to speak of it.
        finish: how the text ended: ``stop``, ``length``, ``refused`` or ``failed``.
    """
    if finish == "refused":
        return ["The service declined to answer."]
    if finish == "failed":
        return ["There is no answer."]
    found = []
    if decision is None:
        found.append("No decision can be read.")
    elif not right:
        found.append("Decides against the recommender.")
    titles = {kind: len({c.title.casefold() for c in citations if c.kind == kind}) for kind in CITATION_MARKS}
    if titles["nowhere"]:
        found.append(f"Cites {_count(titles['nowhere'], 'title')} that no item has.")
    if titles["catalogue"]:
        found.append(f"Cites {_count(titles['catalogue'], 'item')} that the user did not choose.")
    missing = [shown for name, shown in ASPECTS.items() if not aspects[name]]
    if missing:
        found.append(f"The checks find no {' and no '.join(missing)}.")
    if finish == "length":
        found.append("Cut off at the token limit.")
    cited = f"Cites {_count(titles['history'], 'item')} of the history." if titles["history"] else ""
    return (found or ["The checks find no error."]) + ([cited] if cited else [])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
