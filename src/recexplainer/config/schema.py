"""The JSON schema of the config, made from the models: what the check and editors read as config/schema.yaml."""

import json
from typing import Any

import yaml

from recexplainer.config.whole import Config

HEAD = """\
# JSON schema of config.yaml. Written by `make docs` from the models in src/recexplainer/config; edit those instead.
# What depends on several keys at once is checked in src/recexplainer/settings.py.
"""
KEPT = """
    description default type enum pattern minLength minimum maximum exclusiveMinimum exclusiveMaximum
    minItems uniqueItems items minProperties required additionalProperties
""".split()
"""What stays as pydantic says it. Its titles are the keys' names once more."""
REFERENCE = "#/$defs/"


def schema_text() -> str:
    """Return the schema as YAML."""
    return HEAD + yaml.dump(schema(), sort_keys=False, allow_unicode=True, width=118, Dumper=_Plain)


def schema() -> dict[str, Any]:
    """Return the schema, each rule in the form that :func:`recexplainer.problems.describe` has words for.

    Where a value may be of several kinds, it has one rule with several types, not several rules: then an error says
    what was expected, and not only that none of them fits.
    """
    whole = Config.model_json_schema()
    shaper = _Shaper(whole.pop("$defs"), json.dumps(whole))
    shaped = shaper.rule(whole)
    definitions = {name: shaper.rule(shaper.definitions[name]) for name in sorted(shaper.shared)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **shaped, "$defs": definitions}


class _Shaper:
    """Puts rules of pydantic into the form of the schema.

    Attributes:
        definitions: the sections' rules, by the models' names.
        shared: those that are referred to more than once; the others stand in the places of their references.
    """

    def __init__(self, definitions: dict[str, Any], whole: str) -> None:
        self.definitions = definitions
        text = whole + json.dumps(definitions)
        self.shared = {name for name in definitions if text.count(f'"{REFERENCE}{name}"') > 1}

    def rule(self, rule: Any) -> Any:
        """Return a rule in the form of the schema, each part of it too."""
        if not isinstance(rule, dict):
            return rule
        if "$ref" in rule:
            name = rule["$ref"].removeprefix(REFERENCE)
            own = {key: rule[key] for key in ("description",) if key in rule}
            return (
                _told(own | {"$ref": rule["$ref"]}) if name in self.shared else self.rule(self.definitions[name] | own)
            )
        result = {key: self.rule(rule[key]) for key in KEPT if key in rule}
        if "anyOf" in rule:
            result = _one([self._whole(part) for part in rule["anyOf"]]) | result
        if "const" in rule:
            result["enum"] = [rule["const"]]
        if "enum" in result:  # it says more than the type
            result.pop("type", None)
        if "properties" in rule:
            result["properties"] = {name: self.rule(inner) for name, inner in rule["properties"].items()}
        for pattern, inner in rule.get("patternProperties", {}).items():
            result |= {"propertyNames": {"pattern": pattern}, "additionalProperties": self.rule(inner)}
        return _told(result)

    def _whole(self, rule: dict[str, Any]) -> Any:
        """Return a rule with what it refers to in its place, whoever else refers to it."""
        return self.rule(self.definitions[rule["$ref"].removeprefix(REFERENCE)] if "$ref" in rule else rule)


def _told(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule with its text on one line, and a default only if it is a value that could be given."""
    if "description" in rule:
        rule = {"description": " ".join(rule["description"].split())} | {
            key: rule[key] for key in rule if key != "description"
        }
    if rule.get("default", ...) is None:
        del rule["default"]
    return rule


def _one(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one rule in place of several, any of which may hold."""
    null = ["null"] if {"type": "null"} in rules else []
    merged: dict[str, Any] = {}
    for rule in rules:
        if rule != {"type": "null"}:
            merged = rule | merged
    if "enum" in merged and "properties" in merged:  # one value, or one for each of several keys
        apart = {key: merged[key] for key in ("additionalProperties", "properties")}
        return {"if": {"type": "object"}, "then": apart, "else": {"enum": merged["enum"]}}
    if "enum" in merged:
        return merged | {"enum": [*merged["enum"], *([None] if null else [])]}
    types = [rule["type"] for rule in rules if rule["type"] != "null"] + null
    if "number" in types:  # every whole number is one
        types.remove("integer")
    return merged | {"type": types[0] if len(types) == 1 else types}


class _Plain(yaml.SafeDumper):
    """Writes lists of plain values on one line, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _sequence(dumper: _Plain, data: list[Any]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_Plain.add_representer(list, _sequence)
