"""Values from outside as one of the config's models, or one line that names the key and says what was expected."""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from recexplainer.config.kinds import Section
from recexplainer.errors import InputError, shown
from recexplainer.given import TYPES, printed, text_hint

Model = TypeVar("Model", bound=Section)

KINDS = {
    "int_type": "integer",
    "float_type": "number",
    "string_type": "string",
    "string_unicode": "string",
    "bool_type": "boolean",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "finite_number": "number",
}
"""Pydantic's errors about a value of another kind, and the kind that was expected."""
WORDS = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "string_too_short": "a text that is not empty",
    "too_short": "at least one element",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "value_error": "{error}",
}
"""Its errors about a value of the right kind, in the words that the check of the config has for them."""


def checked(model: type[Model], value: Any, where: str = "") -> Model:
    """Return a value as a model.

    Args:
        model: the section, or some keys of one.
        value: what JSON or YAML holds; mappings as dicts.
        where: what the keys stand below, for messages, as ``recommender``.

    Raises:
        InputError: a key is missing or unknown, or a value is none that the model takes: the first that is wrong.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = next(_problems(error, value))
        raise InputError(f"{where}.{problem}" if where and isinstance(value, dict) else problem) from None


def _problems(error: ValidationError, whole: Any) -> Iterator[str]:
    """Yield what is wrong, key by key."""
    by_path: dict[tuple[Any, ...], list[Any]] = {}
    for one in error.errors(include_url=False):
        by_path.setdefault(_path(one, whole), []).append(one)
    # Of several kinds, the one that the value is of says what is wrong within it; the others say that it is none.
    for path in [one for one in by_path if not any(one == other[: len(one)] != other for other in by_path)]:
        errors = by_path[path]
        where, first = _join(path), errors[0]
        if first["type"] == "missing":
            yield f"{where}: missing; expected this key."
        elif first["type"] == "extra_forbidden":
            yield f"{where}: unknown key; expected none of this name."
        else:
            value = first["input"]
            said = printed(value, path[-1] if path else "")
            hint = text_hint(value) if first["type"] in KINDS else ""
            yield f"{where}: {said}; expected {_wanted(errors)}.{hint}".removeprefix(": ")


def _path(error: Any, whole: Any) -> tuple[Any, ...]:
    """Return the keys down to a value; pydantic also names the kinds that it tried on the way."""
    path: list[Any] = []
    for part in error["loc"]:
        try:
            whole = whole[part]
        except (LookupError, TypeError):
            if error["type"] != "missing" or part != error["loc"][-1]:
                continue
        path.append(part)
    return tuple(path)


def _wanted(errors: list[Any]) -> str:
    """Return what was expected. What one of several kinds says of its own value goes before the names of the others."""
    for error in errors:
        if error["type"] == "literal_error":
            values = re.findall(r"'[^']*'|None", error["ctx"]["expected"])
            return "one of: " + ", ".join(value.strip("'") for value in values)
        if words := WORDS.get(error["type"]):
            return words.format(**{key: _plain(value) for key, value in error.get("ctx", {}).items()})
    kinds = list(dict.fromkeys(KINDS.get(error["type"], error["type"]) for error in errors))
    if "number" in kinds:  # as every whole number is
        kinds = [kind for kind in kinds if kind != "integer"]
    return " or ".join(TYPES.get(kind, kind) for kind in kinds)


def _plain(limit: Any) -> Any:
    """Return a limit as the model has it; pydantic makes a float of one that is a whole number."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _join(path: tuple[Any, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path).lstrip(".")
