"""Reading the YAML files that a user may edit: configs, prompts, levels, deviations."""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recexplainer.errors import InputError

DEEPEST = 50
"""Levels of nesting. A config has seven; a reader that goes down a thousand runs out of stack."""
LARGEST = 100_000
"""Values of a config, those behind aliases counted each time that they are named."""
YTE = "__use_yte__"
"""The key by which Snakemake's loader takes a config for a program."""
ALLOW_YTE = "RECEXPLAINER_ALLOW_YTE"
"""The environment variable that allows it."""


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that occurs twice is refused, for the last would silently win.

    Aliases are refused too: no file needs them, and a few nested ones stand for more text than fits into memory.
    """

    aliases = False
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) and not self.aliases:
            raise yaml.composer.ComposerError(None, None, f"the alias *{event.anchor}: write it out", event.start_mark)
        if self.depth == DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} levels deep", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: Any = False) -> Any:
        seen: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in seen:
                words = f"{key.value!r} occurs twice, on line {seen[key.value]} and on line {line}"
                raise yaml.constructor.ConstructorError(None, None, f"{words}; keep one of them")
            seen[key.value] = line
        return super().construct_mapping(node, deep)


class _ConfigLoader(_Loader):
    """As above, but with aliases, as far as what they stand for stays of a sensible size."""

    aliases = True

    def compose_document(self) -> Any:
        root = super().compose_document()
        if _size(root, {}) > LARGEST:
            raise yaml.composer.ComposerError(None, None, f"with its aliases it holds more than {LARGEST:,} values")
        return root


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many values a node stands for; infinity if it holds itself."""
    if id(node) not in known:
        known[id(node)] = float("inf")
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        parts = [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def read_yaml(path: str | Path, advice: str) -> Any:
    """Read a YAML file.

    Args:
        path: the file.
        advice: what was expected or what to do, for the message when the file is missing.

    Raises:
        InputError: the file is missing, is not YAML, has a key twice, or uses aliases.
    """
    return _parse(path, _text(path, advice), _Loader)


def read_yaml_once(path: str | Path, advice: str) -> Any:
    """Do as :func:`read_yaml`, but parse the same text only once: what is returned must not be changed."""
    return _parsed(str(path), _text(path, advice))


@functools.lru_cache(maxsize=16)
def _parsed(path: str, text: str) -> Any:
    return _parse(path, text, _Loader)


def read_config(path: str | Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Read a config file, YAML or JSON, as Snakemake does; but refuse what it takes in silence or not at all well.

    Args:
        path: the file.
        environment: where :data:`ALLOW_YTE` may be set.

    Raises:
        InputError: the file is missing, is not UTF-8, is no YAML of keys and plain values, has a key twice, is nested
            too deep, stands for too much by its aliases, or is a program.
    """
    text = _text(path, "expected a config file")
    try:
        json.loads(text)
        text = text.replace("\t", " ")  # which YAML does not have between values
    except (ValueError, RecursionError):
        pass
    config = _parse(path, text, _ConfigLoader)
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected keys at the top level, such as `seed: 1`.")
    if YTE in config and environment.get(ALLOW_YTE) != "1":
        raise InputError(
            f"{path}: {YTE}: Snakemake runs what such a config says as Python. Write the values out; or, if you trust "
            f"the file as you trust a program, set {ALLOW_YTE}=1."
        )
    return config


def _text(path: str | Path, advice: str) -> str:
    """Return the text of a file.

    Raises:
        InputError: the file is missing, cannot be read or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {advice}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML (not UTF-8: {error}). Save it as UTF-8.") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from None


def _parse(path: str | Path, text: str, loader: type[_Loader]) -> Any:
    try:
        return loader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = [f"line {mark.line + 1}, column {mark.column + 1}"] if mark else []
        words = ", ".join(filter(None, [error.context, error.problem, *place]))
        raise InputError(f"{path}: not valid YAML ({' '.join(words.split())}).") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from None
