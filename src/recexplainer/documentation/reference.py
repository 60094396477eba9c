"""The page of the config's keys: their defaults, what is allowed, and what the comments above them say."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import read_text
from recexplainer.given import TYPES
from recexplainer.yaml_files import read_config, read_yaml

HEAD = """\
<!-- Written by `make docs` from config/schema.yaml and the comments of the configs; edit those instead. -->
# Every key of the config

`NAME` stands for a name of your choice. The default is that of the paper's experiment, `config/config.yaml`; of the
entries under a name, the first one's. A key without a default may be left out.
"""

Path_ = tuple[str, ...]

SAME = {
    ("recommenders", "NAME", "settings"): ("recommender",),
    ("datasets", "NAME", "layout", "reviews"): ("datasets", "NAME", "layout"),
    ("datasets", "NAME", "layout", "metadata"): ("datasets", "NAME", "layout"),
}
"""Keys that mean what others mean."""


def reference_page(schema: str | Path, configs: Sequence[str | Path]) -> str:
    """Return the page as Markdown, a table per section of the config.

    Args:
        schema: JSON schema of the config, YAML.
        configs: the first one has the defaults; a comment is taken from the first file that has the key.

    Raises:
        InputError: a file is missing, or is none of its kind.
    """
    rules, defaults = read_yaml(schema, "expected the schema of the config"), read_config(configs[0])
    comments = [comments_of(read_text(path)) for path in configs]
    try:
        sections = [_section(name, rules, defaults, comments) for name in rules["properties"]]
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{schema}: not the schema of a config ({type(error).__name__}: {error}).") from None
    return "\n".join([HEAD, *sections])


def _section(name: str, schema: dict[str, Any], defaults: dict[str, Any], comments: list[dict[Path_, str]]) -> str:
    lines = [f"## {name}\n", "| key | default | allowed | meaning |", "|---|---|---|---|"]
    rules = dict(_keys(schema, (name,), _resolved(schema["properties"][name], schema)))
    words = {path: _words(path, comments) for path in rules}
    # Keys without a comment stand in the row of the key above them.
    rows = [path for path in rules if any(words[below] for below in words if below[: len(path)] == path)]
    for path in rows:
        inner = [below for below in rules if below[:-1] == path]
        untold = {below[-1]: rules[below] for below in inner if below not in rows}
        default = _at(defaults, path) if len(untold) == len(inner) else ...
        cells = [f"`{'.'.join(path)}`", _shown(default), _kind(rules[path], untold), words[path]]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _kind(rule: dict[str, Any], untold: dict[str, dict[str, Any]]) -> str:
    """Return what is allowed of a key, the keys in it that have no row of their own included."""
    parts = []
    for name, below in untold.items():
        names = ", ".join(f"`{key}`" for key in below.get("properties", {}))
        parts.append(f"`{name}`: {allowed(below)}{f' of {names}' if names else ''}")
    joined = "; or a mapping of " if "enum" in rule else " of "
    return joined.join(filter(None, [allowed(rule), "; ".join(parts)]))


def _words(path: Path_, comments: list[dict[Path_, str]]) -> str:
    """Return the comment of a key, of the first file that has one; of a key that means what another does, its."""
    if path[-1] == "NAME":
        return ""  # what stands there is of one entry
    for own in comments:
        if words := own.get(_filled(path, own)):
            return words.replace("<", "&lt;")
    return next((_words(SAME[path[:n]] + path[n:], comments) for n in range(len(path)) if path[:n] in SAME), "")


def comments_of(text: str) -> dict[Path_, str]:
    """Return the comment above each key of a YAML file in block style, by the key's path.

    A line of a comment that is set in further, as ``#   name: words``, is the comment of a key below.
    """
    comments: dict[Path_, str] = {}
    open_keys: list[tuple[int, str]] = []
    above: list[str] = []
    for line in text.splitlines():
        # A key that is commented out, with a value that no sentence begins with, has a comment as well.
        key = re.match(r"( *)(?:# )?([\w.-]+): [\"{\[]", line) or re.match(r"( *)([\w.-]+):", line)
        if line.strip().startswith("#") and not key:
            above.append(line.strip()[1:])
            continue
        if key:
            depth = len(key.group(1))
            open_keys = [entry for entry in open_keys if entry[0] < depth] + [(depth, key.group(2))]
            path = tuple(name for _, name in open_keys)
            comments |= {each: words for each, words in _parts(path, above) if each not in comments}
        above = []
    return comments


def _parts(path: Path_, above: list[str]) -> Iterator[tuple[Path_, str]]:
    """Yield a key's comment, and those of the keys below that it lists."""
    plain = " ".join(line.strip() for line in above if not re.match(r"   +\w+:", line))
    if plain:
        yield path, plain
    for line in above:
        if listed := re.match(r"   +(\w+): .*?(\(.*)", line):
            yield (*path, listed.group(1)), listed.group(2)


def _keys(schema: dict[str, Any], path: Path_, rule: dict[str, Any]) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Yield every key at and below a path, with its part of the schema."""
    yield path, rule
    for name, inner in rule.get("properties", {}).items():
        yield from _keys(schema, (*path, name), _resolved(inner, schema))
    if isinstance(entry := rule.get("additionalProperties"), dict):
        yield from _keys(schema, (*path, "NAME"), _resolved(entry, schema))


def _resolved(rule: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the schema with what it refers to in its place, that of its elements included."""
    if "$ref" in rule:
        return _resolved(schema["$defs"][rule["$ref"].rpartition("/")[2]], schema)
    if "items" in rule:
        return rule | {"items": _resolved(rule["items"], schema)}
    if "if" in rule:  # one value, or one for each of several keys
        return _resolved(rule["else"], schema) | {"properties": rule["then"]["properties"]}
    return rule


def allowed(rule: dict[str, Any]) -> str:
    """Return what a part of the schema allows, in words."""
    if "enum" in rule:
        return ", ".join("null" if value is None else f"`{value}`" for value in rule["enum"])
    names = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
    if "object" in names:
        return "a mapping" + (" or null" if "null" in names else "")
    words = " or ".join(TYPES[name] for name in names)
    bounds = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than", "exclusiveMaximum": "under"}
    limits = [f"{said} {rule[name]}" for name, said in bounds.items() if name in rule]
    limits += [f"as `{rule['pattern']}`"] if "pattern" in rule else []
    limits += [f"of: {allowed(rule['items'])}"] if rule.get("items") else []
    return ", ".join([words, *limits])


def _filled(path: Path_, comments: dict[Path_, str]) -> Path_:
    """Return a path whose NAMEs are the first names that the comments have there."""
    done: Path_ = ()
    for part in path:
        names = [key[len(done)] for key in comments if key[: len(done)] == done and len(key) > len(done)]
        done = (*done, next(iter(names), part) if part == "NAME" else part)
    return done


def _at(value: Any, path: Path_) -> Any:
    """Return a value by its path, of a NAME the first one; ``...`` without it."""
    for part in path:
        if not isinstance(value, dict):
            return ...
        value = next(iter(value.values()), ...) if part == "NAME" else value.get(part, ...)
    return value


def _shown(value: Any) -> str:
    """Return a default as it is written; "" of none."""
    return "" if value is ... else f"`{json.dumps(value, ensure_ascii=False)}`"
