"""The questions: phrasings with named placeholders, from a YAML file (appendix A.1)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.yaml_files import read_yaml

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "retrieval": ("history",),
    "ranking": ("history", "items"),
    "classification": ("history", "item"),
    "discrimination": ("item", "field"),
    "reconstruction": ("history",),
}
"""What each phrasing of a task must hold once."""

FIELDS = ("title", "description", "tags", "brand", "feature", "similar")
"""What the discrimination task asks of an item; ``similar`` is the title of the most similar one."""

ASKED_FIELDS = {"all": FIELDS, "no_tags": tuple(name for name in FIELDS if name != "tags")}
"""By the switch ``discrimination_fields``; the counts of the paper's table 4 leave no room for the tags."""

Phrasing = tuple[str, ...]
"""Text and placeholder names in turn: text at even places, a name at odd ones."""


@dataclass(frozen=True)
class Prompts:
    """The phrasings of each task and the names of the fields.

    Attributes:
        phrasings: task to its phrasings.
        fields: field to what it is called in a question.
    """

    phrasings: dict[str, list[Phrasing]]
    fields: dict[str, str]


def load_prompts(path: str | Path) -> Prompts:
    """Read a prompts file such as ``config/prompts/default.yaml``.

    Raises:
        InputError: names the file and the key that is missing, unknown or malformed.
    """
    content = read_yaml(path, "set prompts to a YAML file of phrasings")
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected the keys fields, {', '.join(PLACEHOLDERS)}.")
    _check_keys(path, "", content, ("fields", *PLACEHOLDERS))
    fields = content["fields"]
    if not isinstance(fields, dict):
        raise InputError(f"{path}: fields: expected a name for each of {', '.join(FIELDS)}.")
    _check_keys(path, "fields.", fields, FIELDS)
    for name, value in fields.items():
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{path}: fields.{name}: expected a text, found {value!r}.")
    phrasings = {task: _phrasings(path, task, content[task]) for task in PLACEHOLDERS}
    return Prompts(phrasings, {name: fields[name].strip() for name in FIELDS})


def _check_keys(path: str | Path, prefix: str, found: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Refuse a key too many or too few."""
    for key in found:
        if key not in expected:
            raise InputError(f"{path}: {prefix}{key}: unknown key; expected {', '.join(expected)}.")
    for key in expected:
        if key not in found:
            raise InputError(f"{path}: {prefix}{key}: missing; add it (config/prompts/default.yaml has all keys).")


def _phrasings(path: str | Path, task: str, values: Any) -> list[Phrasing]:
    """Check and split the phrasings of one task."""
    expected = " and ".join(f"{{{name}}}" for name in PLACEHOLDERS[task])
    if not isinstance(values, list) or not values:
        raise InputError(f"{path}: {task}: expected a list of at least one phrasing with {expected}.")
    result = []
    for number, value in enumerate(values, 1):
        key = f"{path}: {task}, phrasing {number}"
        if not isinstance(value, str):
            raise InputError(f"{key}: expected a text, found {value!r}; put it in quotes.")
        pieces = tuple(re.split(r"\{([^{}]*)\}", value.strip()))
        for name in pieces[1::2]:
            if name not in PLACEHOLDERS[task]:
                raise InputError(f"{key}: unknown placeholder {{{name}}}; expected {expected}.")
        for name in PLACEHOLDERS[task]:
            if pieces[1::2].count(name) != 1:
                raise InputError(f"{key}: {{{name}}} occurs {pieces[1::2].count(name)} times; expected once.")
        if any(brace in text for text in pieces[::2] for brace in "{}"):
            raise InputError(f"{key}: a brace without its partner; expected only {expected}.")
        result.append(pieces)
    return result
