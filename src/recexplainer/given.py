"""Values from outside: JSON that is read strictly, mappings that say which key they lack, and how messages show them.

What the rules pass to the programs is read as models (:mod:`recexplainer.typed`); mappings are what other files hold.
"""

import json
import math
from typing import Any, NoReturn

from recexplainer import place
from recexplainer.errors import InputError, shown
from recexplainer.secrets import redact, without_secrets

SCHEMA = place.ROOT / "config" / "schema.yaml"
LONGEST = 200
"""Characters of a wrong value in a message."""
TYPES = {
    "integer": "a whole number",
    "number": "a finite number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "null",
}


def parsed(text: str) -> Any:
    """Parse JSON as the standard has it.

    Raises:
        ValueError: it is none; it holds NaN, a number too large for one or half a surrogate pair; or it is nested too
            deep.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair is no text") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{shown(text[:20])} is too large a number")
    return float(text)


class Given(dict[str, Any]):
    """A mapping that says which key it lacks, instead of a :class:`KeyError`.

    Attributes:
        path: where it stands among the values that were given, as ``lora.``; empty at the top.
        source: what gave them, for messages, such as a file.
    """

    path = ""
    source = "the values"

    @classmethod
    def wrapped(cls, value: Any, source: str = source, path: str = "") -> Any:
        """Return a parsed value with its mappings as such ones."""
        if isinstance(value, list):
            return [cls.wrapped(inner, source, path) for inner in value]
        if not isinstance(value, dict):
            return value
        result = cls((key, cls.wrapped(inner, source, f"{path}{key}.")) for key, inner in value.items())
        result.path, result.source = path, source
        return result

    def __or__(self, other: dict[str, Any]) -> "Given":  # type: ignore[override]
        result = Given({**self, **other})
        result.path, result.source = self.path, self.source
        return result

    def __ror__(self, other: dict[str, Any]) -> "Given":  # type: ignore[override]
        result = Given({**other, **self})
        result.path, result.source = self.path, self.source
        return result

    def __missing__(self, key: str) -> NoReturn:
        raise InputError(f"{self.source}: {shown(self.path)}{shown(key)}: missing; expected this key.")


def printed(value: Any, key: Any) -> str:
    """Return the value of a key as a message may show it: without secrets, and not without end."""
    said = "a value" if key == "key_variable" else redact(repr(without_secrets(value)))
    return f"{said[:LONGEST]}..." if len(said) > LONGEST else said


def text_hint(value: Any) -> str:
    """Explain where a text may come from that looks like something else; "" of other values."""
    if not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        if value not in ("true", "false", "null"):
            return ""
    if "e" in value.lower() and "." not in value and value[-1].isdigit():
        return " In YAML a number with an exponent needs a point: 1.0e-4, not 1e-4."
    return " It is a text: leave out quotes; nested values of --config are texts always, so use a --configfile."
