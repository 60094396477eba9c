"""The words of the seventh task: sentences with placeholders, from a YAML file, and the answers made of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.errors import InputError
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.tasks.reasons import STRENGTHS, Reasons
from recexplainer.yaml_files import read_yaml

PARTS: dict[str, tuple[str, ...]] = {
    "because_yes": ("item", "items", "strength"),
    "because_no": ("item", "items", "strength"),
    "shared": ("item", "facts"),
    "near": ("item",),
    "apart": ("item",),
    "taste": ("item", "facts"),
    "far": ("item",),
    "close": ("item",),
    "new": ("facts",),
    "missing": ("facts",),
    "opposed_yes": ("count", "total"),
    "opposed_no": ("count", "total"),
}
"""What each sentence of a part must hold once."""

CHOICES = {"choices_yes": True, "choices_no": False}
"""The questions for the choices alone that bear out a verdict, and which one."""


@dataclass(frozen=True)
class Wording:
    """The contents of a file such as ``config/prompts/reasons.yaml``.

    Attributes:
        join: between two items or tags.
        strength: :data:`recexplainer.tasks.reasons.STRENGTHS` words, the least first.
        sentences: those of each part, texts and placeholders in turn.
        choices: by the verdict, the questions for the choices alone that bear it out.
    """

    join: str
    strength: list[str]
    sentences: dict[str, list[Phrasing]]
    choices: dict[bool, list[Phrasing]]

    def cited(self, reasons: Reasons, titles: Sequence[str]) -> str:
        """Return the titles of the choices that bear out a verdict, the one with the largest effect first."""
        return self.join.join(titles[item] for item in reasons.cited)

    def answer(self, reasons: Reasons, titles: Sequence[str], rng: np.random.Generator) -> str:
        """Return an answer: Yes or No, and two or three sentences, each drawn.

        Args:
            reasons: what is to be said.
            titles: of every item.
            rng: of the draws.
        """
        values = {
            "item": titles[reasons.target],
            "items": self.cited(reasons, titles),
            "strength": self.strength[reasons.strength],
            "count": str(reasons.opposed),
            "total": str(reasons.total),
        }
        said = []
        for part, facts in reasons.parts():
            sentences = self.sentences[part]
            filled = values | {"facts": self.join.join(facts)}
            chosen = sentences[rng.integers(len(sentences))]
            said.append("".join(filled[piece] if place % 2 else piece for place, piece in enumerate(chosen)))
        return " ".join([f"{'Yes' if reasons.label else 'No'}.", *said])


def load_wording(path: str | Path) -> Wording:
    """Read a file of sentences.

    Raises:
        InputError: names the file and the key that is missing, unknown or malformed.
    """
    content = read_yaml(path, "set tasks.explanation.prompts to a YAML file of sentences")
    keys = ("join", "strength", *PARTS, *CHOICES)
    if not isinstance(content, dict) or set(content) != set(keys):
        wrong = sorted(set(content) ^ set(keys), key=str) if isinstance(content, dict) else keys
        raise InputError(f"{path}: key {wrong[0]!r} is missing or unknown; expected {', '.join(keys)}.")
    strength = content["strength"]
    if not isinstance(content["join"], str):
        raise InputError(f"{path}: join: expected a text, found {content['join']!r}.")
    if not isinstance(strength, list) or len(strength) != STRENGTHS or not all(map(_is_text, strength)):
        raise InputError(f"{path}: strength: expected {STRENGTHS} words, the least first.")
    sentences = {part: _sentences(path, part, content[part], names) for part, names in PARTS.items()}
    asked = ("history", "item")
    choices = {label: _sentences(path, part, content[part], asked) for part, label in CHOICES.items()}
    return Wording(content["join"], strength, sentences, choices)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _sentences(path: str | Path, part: str, values: Any, names: Sequence[str]) -> list[Phrasing]:
    """Check and split the sentences of one part, each of which must hold these names once."""
    expected = ", ".join(f"{{{name}}}" for name in names)
    if not isinstance(values, list) or not values:
        raise InputError(f"{path}: {part}: expected a list of at least one sentence with {expected}.")
    result = []
    for number, value in enumerate(values, 1):
        key = f"{path}: {part}, sentence {number}"
        if not _is_text(value):
            raise InputError(f"{key}: expected a text, found {value!r}; put it in quotes.")
        pieces = tuple(re.split(r"\{([^{}]*)\}", value.strip()))
        if sorted(pieces[1::2]) != sorted(names) or any(brace in text for text in pieces[::2] for brace in "{}"):
            raise InputError(f"{key}: {value!r}; expected each of {expected} once, and no other brace.")
        result.append(pieces)
    return result
