"""Config values that a program is given as JSON in an argument: read strictly, their kinds checked, no key missed.

The rules hand on sections of the config, and merge some. So what a key of some name may hold is looked up by its name
in the config's schema; a name that the schema does not have may hold anything.
"""

import functools
import json
import math
import operator
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NoReturn

from recexplainer import place
from recexplainer.errors import InputError, shown
from recexplainer.secrets import redact, without_secrets
from recexplainer.yaml_files import read_yaml

SCHEMA = place.ROOT / "config" / "schema.yaml"
OWN = ("title", "explanation", "names", "study", "labels", "format", "settings")
"""Keys by which programs are given something else than the config's."""
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
        source: what gave them, for messages: an argument, or a file.
    """

    path = ""
    source = "--settings"

    @classmethod
    def checked(cls, value: Any) -> "Given":
        """Return a parsed value as such a mapping, those within it too.

        Raises:
            InputError: it is no JSON object, or a value in it is of a kind that the config's schema does not have.
        """
        if not isinstance(value, dict):
            raise InputError("expected a JSON object")
        if problems := list(_problems(value, ())):
            raise InputError(problems[0])
        return cls.wrapped(value)

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


def _problems(value: Any, path: tuple[Any, ...]) -> Iterator[str]:
    """Yield what is wrong with the values of a mapping, or of those in a list."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        here = (*path, key)
        if isinstance(key, str) and key not in OWN and (schemas := _known().get(key)):
            yield from _misfit(inner, here, schemas)
        if isinstance(inner, dict | list):
            yield from _problems(inner, here)


def _misfit(value: Any, path: tuple[Any, ...], schemas: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a value if none of the schemas takes it; mappings are looked into by their keys."""
    kind = _kind(value)
    if not all(_types(schema) or "enum" in schema for schema in schemas):
        return
    fitting = [schema for schema in schemas if kind in _types(schema) or "enum" in schema]
    wanted = [_wanted(value, schema) for schema in fitting] or [" or ".join(map(_words, _types(schemas[0])))]
    if all(wanted):
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        yield f"{shown(where)}: {printed(value, path[-1])}; expected {wanted[0]}"


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


def _kind(value: Any) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "null")


def _wanted(value: Any, schema: dict[str, Any]) -> str:
    """Return what a schema expects instead of a value of its kind; nothing if it takes it."""
    if "enum" in schema:
        return "" if value in schema["enum"] else f"one of: {', '.join(map(str, schema['enum']))}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return next(
            (f"{words} {schema[key]}" for key, words, fits in BOUNDS if key in schema and not fits(value, schema[key])),
            "",
        )
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return "a text that is not empty"
        if not re.search(re.sub(r"\$$", r"\\Z", schema.get("pattern", "")), value):
            return f"a text that matches {schema['pattern']}"
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            return "at least one element"
        items = schema.get("items", {})
        kinds = _types(items)
        return next((f"a list of {_words(kinds[0])}" for one in value if kinds and _kind(one) not in kinds), "")
    return ""


BOUNDS = (
    ("minimum", "at least", operator.ge),
    ("maximum", "at most", operator.le),
    ("exclusiveMinimum", "more than", operator.gt),
    ("exclusiveMaximum", "less than", operator.lt),
)


def _words(kind: str) -> str:
    return TYPES.get(kind, kind)


def _types(schema: dict[str, Any]) -> list[str]:
    """Return the kinds of value that a schema takes; a whole number is a number."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    return [*kinds, *(["integer"] if "number" in kinds else [])]


@functools.cache
def _known() -> dict[str, list[dict[str, Any]]]:
    """Return the schemas of each key, wherever it stands in the config, without repetitions."""
    if not SCHEMA.exists():
        return {}
    whole = read_yaml(SCHEMA, "expected the schema of the config")
    schemas: dict[str, list[dict[str, Any]]] = defaultdict(list)
    _collect(whole, whole["$defs"], schemas)
    return dict(schemas)


def _collect(schema: Any, definitions: dict[str, Any], schemas: dict[str, list[dict[str, Any]]]) -> None:
    """Add the properties of a schema and of those within it."""
    for key, inner in schema.get("properties", {}).items():
        whole = _inlined(inner, definitions)
        if whole not in schemas[key]:
            schemas[key].append(whole)
    for inner in schema.values() if isinstance(schema, dict) else ():
        for part in inner if isinstance(inner, list) else [inner]:
            if isinstance(part, dict):
                _collect(part, definitions, schemas)


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema with what it refers to in place, without texts and defaults."""
    if isinstance(schema, list):
        return [_inlined(inner, definitions) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    said = [key for key in ("default", "description") if not isinstance(schema.get(key), dict)]
    return {key: _inlined(inner, definitions) for key, inner in schema.items() if key not in said}
