"""What is wrong with a value of the config, in one line that names its key and repeats no secret."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema.exceptions import ValidationError

from recexplainer.given import TYPES, text_hint
from recexplainer.secrets import ADDRESS, looks_like_key, redact, without_secrets

LONGEST_SHOWN = 200  # characters of a wrong value in a message


def describe(error: ValidationError) -> list[str]:
    """Say where a value breaks the schema, and what was expected: a line for each key that is unknown or missing."""
    path, expected, found = _join(error.absolute_path), error.validator_value, error.instance
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        return [_unknown(key, error.absolute_path, known) for key in found if key not in known]
    if error.validator == "required":
        lacking = [key for key in expected if key not in found]
        return [f"{_join([*error.absolute_path, key])}: missing; expected this key." for key in lacking]
    wordings: dict[str, Callable[[], str]] = {
        "type": lambda: " or ".join(
            TYPES.get(name, name) for name in ([expected] if isinstance(expected, str) else expected)
        ),
        "enum": lambda: f"one of: {', '.join(map(str, expected))}",
        "minimum": lambda: f"at least {expected}",
        "maximum": lambda: f"at most {expected}",
        "exclusiveMinimum": lambda: f"more than {expected}",
        "exclusiveMaximum": lambda: f"less than {expected}",
        "minItems": lambda: "at least one element",
        "minProperties": lambda: "at least one entry",
        "minLength": lambda: "a text that is not empty",
        "uniqueItems": lambda: "no element twice",
        "pattern": lambda: f"a text that matches {expected}",
    }
    wanted = wordings.get(error.validator, lambda: f"what the schema says of it ({error.validator})")()
    hint = text_hint(found) if error.validator == "type" else ""
    # A key that stands there by a slip must not be shown.
    shown = "a value" if error.absolute_path and error.absolute_path[-1] == "key_variable" else _shown(found)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{shown[:LONGEST_SHOWN]}..."
    return [f"{path or 'the whole file'}: {shown}; expected {wanted}.{hint}"]


def _unknown(key: Any, path: Any, known: list[str]) -> str:
    """Say in one line that a key is unknown, and which may be meant."""
    near = difflib.get_close_matches(str(key), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected some of: {', '.join(known)}."
    return f"{_join([*path, key])}: unknown key; {hint}"


def _shown(value: Any) -> str:
    """Return a value for a message, without what looks like a secret."""
    return redact(repr(without_secrets(value)))


def keys_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[str]:
    """Yield where a key stands in the config itself, which is written down in many places."""
    if isinstance(value, str) and looks_like_key(value) and path[-1] not in ("key_variable", ADDRESS):
        yield f"{_join(path)}: looks like a key or a login; expected none. Put it into an environment variable."
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from keys_in(inner, (*path, key))


def _join(path: Any) -> str:
    """Write a path of keys as ``alignment.lora.rank``, with list positions in brackets, on one line."""
    shown = (part if isinstance(part, int) or str(part).isprintable() else repr(part) for part in path)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in shown).lstrip(".")
