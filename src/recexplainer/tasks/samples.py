"""Samples, and how the three modes write them as conversations (figure 2).

A sample is the same in every mode: the same question about the same history. Only
its form differs: behavior shows titles, intention embeddings, hybrid both.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from recexplainer.prompts.phrasings import Phrasing
from recexplainer.tasks.schema import SEPARATOR, text_segment


class History(NamedTuple):
    """A user's items, oldest first, and the row of their embedding."""

    prefix: int
    items: list[int]


class Sample(NamedTuple):
    """One question and its answer, before a form is chosen.

    Attributes:
        name: unique within the file.
        task: one of the tasks.
        phrasing: the question.
        slots: what stands for each placeholder: a :class:`History`, a list of items, or a text.
        answer: the answer of the assistant.
        user: -1 if none.
        prefix: -1 if none.
        item: -1 if none.
        target: the answer as evaluation reads it.
        candidates: the items to rank, in the order of the question.
        embedding_only: the answer is in the titles, so that only the embedding may be shown.
    """

    name: str
    task: str
    phrasing: Phrasing
    slots: dict[str, History | list[int] | str]
    answer: str
    user: int = -1
    prefix: int = -1
    item: int = -1
    target: Sequence[str] = ()
    candidates: Sequence[str] = ()
    embedding_only: bool = False


def forms_of(sample: Sample, mode: str, hybrid_forms: str) -> tuple[str, ...]:
    """Return the forms in which a mode has a training sample.

    Args:
        sample: the sample.
        mode: ``behavior``, ``intention`` or ``hybrid``.
        hybrid_forms: whether hybrid has the ``combined`` form only, or ``all`` three (section 2.4).
    """
    if sample.embedding_only:
        return () if mode == "behavior" else ("intention",)
    return ("hybrid", "behavior", "intention") if (mode, hybrid_forms) == ("hybrid", "all") else (mode,)


def rows_of(
    samples: Iterable[Sample], renderer: "Renderer", mode: str, hybrid_forms: str, split: str = "train"
) -> Iterator[dict[str, Any]]:
    """Yield samples as rows of the task files, in the mode's forms; what a test compares with is in its split alone."""
    for sample in samples:
        for place, form in enumerate(forms_of(sample, mode, hybrid_forms)):
            yield {
                "sample": f"{sample.name}-{form}" if place else sample.name,
                "task": sample.task,
                "user": sample.user,
                "prefix": sample.prefix,
                "item": sample.item,
                "messages": renderer.messages(sample, form),
                "target": sample.target if split == "test" else [],
                "candidates": sample.candidates if split == "test" else [],
            }


class Renderer:
    """Writes samples as messages of segments.

    Args:
        titles: of every item.
    """

    def __init__(self, titles: list[str]) -> None:
        self.titles = titles
        # Segments are shared between samples: a dataset of 100,000 samples holds few different ones.
        self._inner = [{"kind": "title", "text": title + SEPARATOR, "ref": -1} for title in titles]
        self._last = [{"kind": "title", "text": title, "ref": -1} for title in titles]
        self._items = [{"kind": "item", "text": "", "ref": index} for index in range(len(titles))]
        self._texts = [text_segment(title) for title in titles]
        self._separator = text_segment(SEPARATOR)

    def messages(self, sample: Sample, form: str) -> list[dict[str, Any]]:
        """Return the question and the answer in a form: ``behavior``, ``intention`` or ``hybrid``."""
        segments: list[dict[str, Any]] = []
        for place, piece in enumerate(sample.phrasing):
            if place % 2 == 0:
                if piece:
                    segments.append(text_segment(piece))
                continue
            value = sample.slots[piece]
            if isinstance(value, str):
                segments.append(text_segment(value))
            elif isinstance(value, History):
                segments += self._history(value, form)
            else:
                segments += self._candidates(value, form)
        return [
            {"role": "user", "segments": segments},
            {"role": "assistant", "segments": [text_segment(sample.answer)]},
        ]

    def _history(self, history: History, form: str) -> list[dict[str, Any]]:
        embedding = {"kind": "user", "text": "", "ref": history.prefix}
        if form == "intention":
            return [embedding]
        titles = [self._inner[item] for item in history.items[:-1]] + [self._last[history.items[-1]]]
        return titles if form == "behavior" else [embedding, *titles]

    def _candidates(self, items: list[int], form: str) -> list[dict[str, Any]]:
        segments = []
        for item in items:
            if form != "behavior":
                segments.append(self._items[item])
            if form != "intention":
                segments.append(self._texts[item])
            segments.append(self._separator)
        return segments[:-1]
