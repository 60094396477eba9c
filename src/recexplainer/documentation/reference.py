"""The page of the config's keys: their defaults, what is allowed and what they mean, as the models declare them."""

import json
from collections.abc import Iterator
from typing import Any

from recexplainer.given import TYPES

HEAD = """\
<!-- Written by `make docs` from the models in src/recexplainer/config and config/config.yaml; edit those instead. -->
# Every key of the config

`NAME` stands for a name of your choice. The default is that of the paper's experiment, `config/config.yaml`; of the
entries under a name, the first one's; of a key that it leaves out, what the key is then. A key without a default may be
left out.
"""

Path_ = tuple[str, ...]


def reference_page(schema: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Return the page as Markdown: a table for each section of the config, then one for each shared part of them.

    Args:
        schema: JSON schema of the config, as :func:`recexplainer.config.schema.schema` makes it.
        defaults: the config with the defaults.
    """
    sections = [_section(name, (name,), rule, defaults) for name, rule in schema["properties"].items()]
    parts = [_section(name, (), rule, {}) for name, rule in schema.get("$defs", {}).items()]
    return "\n".join([HEAD, *sections, *parts])


def _section(heading: str, path: Path_, rule: dict[str, Any], defaults: dict[str, Any]) -> str:
    lines = [f"## {heading}\n"]
    lines += [] if path else [f"{rule['description']}\n"]
    lines += ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for key, inner in _keys(path, rule, defaults):
        told = inner.get("description", "").replace("<", "&lt;")
        cells = [f"`{'.'.join(key)}`", _default(key, inner, defaults), allowed(inner), told]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _keys(path: Path_, rule: dict[str, Any], defaults: dict[str, Any]) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Yield every key at and below a path, with its rule; a part that has a section of its own is not gone into.

    The keys come in the order of the config with the defaults, those that it leaves out last.
    """
    if path:
        yield path, rule
    inner, value = _inner(rule), _at(defaults, path, None)
    there = list(value) if isinstance(value, dict) else []
    for name in sorted(inner, key=lambda name: there.index(name) if name in there else len(there)):
        yield from _keys((*path, name), inner[name], defaults)
    if isinstance(entry := rule.get("additionalProperties"), dict):
        yield from _keys((*path, "NAME"), entry, defaults)


def _inner(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rules of a mapping's keys; of one value or one for each of several keys, those of the keys."""
    return rule.get("properties") or rule.get("then", {}).get("properties", {})


def _default(path: Path_, rule: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Return a key's default as it is written; "" of one without, and of a section, whose keys have theirs."""
    value = _at(defaults, path, rule.get("default", ...))
    known = _inner(rule) or isinstance(rule.get("additionalProperties"), dict)
    return "" if value is ... or (known and isinstance(value, dict)) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _at(value: Any, path: Path_, default: Any) -> Any:
    """Return a value by its path, of a NAME the first one; the default without it."""
    for part in path:
        if not isinstance(value, dict):
            return default
        value = next(iter(value.values()), default) if part == "NAME" else value.get(part, default)
    return value


def allowed(rule: dict[str, Any]) -> str:
    """Return what a rule of the schema allows, in words."""
    if "$ref" in rule:
        name = rule["$ref"].rpartition("/")[2]
        return f"a mapping, [{name}](#{name.lower()})"
    if "if" in rule:
        return f"{allowed(rule['else'])}; or a mapping"
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
