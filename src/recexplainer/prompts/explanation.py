"""What is asked: the question to be explained, and the judge's instruction (sections 3.1.2 and 3.5, appendix A.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.yaml_files import read_yaml_once

QUESTION = ("history", "item")
JUDGE = ("history", "item", "label", "explanation")
"""What each template must hold once."""

KEYS = ("question", "aspects", "viewpoints", "levels", "judge", "again")
LEVELS = 4


@dataclass(frozen=True)
class ExplanationPrompts:
    """The contents of a file such as ``config/prompts/explanation.yaml``.

    Attributes:
        question: text and the placeholders ``history`` and ``item`` in turn.
        viewpoints: name to the sentence that asks for it.
        judge: text and the placeholders ``history``, ``item``, ``label`` and ``explanation`` in turn.
        again: what a judge is told whose reply held no rating.
    """

    question: Phrasing
    viewpoints: dict[str, str]
    judge: Phrasing
    again: str

    def question_from(self, viewpoint: str) -> Phrasing:
        """Return the question with a viewpoint's sentence after it.

        Raises:
            InputError: there is no such viewpoint.
        """
        if viewpoint not in self.viewpoints:
            known = ", ".join(self.viewpoints) or "none"
            raise InputError(f"viewpoint {viewpoint!r} is not in the file of prompts; known are {known}.")
        return (*self.question[:-1], f"{self.question[-1].rstrip()} {self.viewpoints[viewpoint]}".lstrip())


def load_explanation_prompts(path: str | Path) -> ExplanationPrompts:
    """Read a file of prompts.

    Raises:
        InputError: names the file and the key that is missing, unknown or malformed.
    """
    content = read_yaml_once(path, "set explanation.prompts to a YAML file")
    if not isinstance(content, dict) or set(content) != set(KEYS):
        wrong = sorted(set(content) ^ set(KEYS), key=str) if isinstance(content, dict) else KEYS
        raise InputError(f"{path}: key {wrong[0]!r} is missing or unknown; expected {', '.join(KEYS)}.")
    aspects, viewpoints, levels = content["aspects"], content["viewpoints"], content["levels"]
    if not isinstance(aspects, list) or not aspects:
        raise InputError(f"{path}: aspects: expected a list of at least one text.")
    if not isinstance(viewpoints, dict):
        raise InputError(f"{path}: viewpoints: expected a sentence for each name.")
    if not isinstance(levels, list) or len(levels) != LEVELS or not all(isinstance(level, dict) for level in levels):
        raise InputError(f"{path}: levels: expected {LEVELS} entries with name and text, the worst first.")
    listed = "; ".join(_text(path, "aspects", aspect) for aspect in aspects)
    numbered = "\n".join(
        f"RATING-{number}: {_text(path, 'levels', level.get('name'))}. {_text(path, 'levels', level.get('text'))}"
        for number, level in enumerate(levels, 1)
    )
    return ExplanationPrompts(
        question=_template(path, "question", content["question"], QUESTION, {"aspects": listed}),
        viewpoints={str(name): _text(path, f"viewpoints.{name}", text) for name, text in viewpoints.items()},
        judge=_template(path, "judge", content["judge"], JUDGE, {"levels": numbered}),
        again=_text(path, "again", content["again"]),
    )


def fill(template: Phrasing, values: Mapping[str, str]) -> str:
    """Return a template as text. Braces in the values stay as they are."""
    return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(template))


def _text(path: str | Path, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{path}: {key}: expected a text, found {value!r}.")
    return value.strip()


def _template(path: str | Path, key: str, value: Any, names: tuple[str, ...], given: dict[str, str]) -> Phrasing:
    """Split a template at its placeholders; those that are given are filled in."""
    pieces = re.split(r"\{([^{}]*)\}", _text(path, key, value))
    expected = ", ".join(f"{{{name}}}" for name in names)
    for name in pieces[1::2]:
        if name not in (*names, *given):
            raise InputError(f"{path}: {key}: unknown placeholder {{{name}}}; expected {expected}.")
    for name in names:
        if pieces[1::2].count(name) != 1:
            raise InputError(f"{path}: {key}: {{{name}}} occurs {pieces[1::2].count(name)} times; expected once.")
    if any(brace in text for text in pieces[::2] for brace in "{}"):
        raise InputError(f"{path}: {key}: a brace without its partner; expected only {expected}.")
    result = [pieces[0]]
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in given:
            result[-1] += given[name] + text
        else:
            result += [name, text]
    return tuple(result)
