"""The question about a case, in each form in which the tasks are written (figure 2)."""

from typing import Any

from recexplainer.errors import InputError
from recexplainer.explanation.known_titles import index_titles
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.tasks.samples import History, Renderer, Sample


def render(
    cases: list[dict[str, Any]], questions: list[Phrasing], titles: list[str], form: str
) -> list[list[dict[str, Any]]]:
    """Return the question about each case, and an empty answer, as messages of segments.

    Args:
        cases: from ``cases.parquet``.
        questions: one per case.
        titles: of every item.
        form: ``behavior``, ``intention`` or ``hybrid``.

    Raises:
        InputError: a title of a case is not in the catalogue.
    """
    if form not in ("behavior", "intention", "hybrid"):
        raise InputError(f"form {form!r}; expected behavior, intention or hybrid.")
    renderer, index = Renderer(titles), index_titles(titles, cases)
    messages = []
    for case, question in zip(cases, questions, strict=True):
        history = History(case["prefix"], [index[title] for title in case["history"]])
        slots: dict[str, History | list[int] | str] = {"history": history, "item": [index[case["title"]]]}
        messages.append(renderer.messages(Sample(case["case"], "explanation", question, slots, answer=""), form))
    return messages


def show(messages: list[dict[str, Any]]) -> str:
    """Return a question as text: ``<user>`` and ``<item>`` stand for embeddings."""
    text, embedding = "", False
    for segment in messages[0]["segments"]:
        if segment["kind"] in ("user", "item"):
            text += f"<{segment['kind']}>"
            embedding = True
        else:
            # An embedding stands right before its title, but not before a mark.
            text += " " * (embedding and segment["text"][:1] not in " .,;:!?") + segment["text"]
            embedding = False
    return text
