"""Reading the YAML files that a user may edit: prompts, levels, deviations."""

from pathlib import Path
from typing import Any

import yaml

from recexplainer.errors import InputError


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that occurs twice is refused, for the last would silently win.

    Aliases are refused too: no file needs them, and a few nested ones stand for more text than fits into memory.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"the alias *{event.anchor}: write it out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} occurs twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path, advice: str) -> Any:
    """Read a YAML file.

    Args:
        path: the file.
        advice: what was expected or what to do, for the message when the file is missing.

    Raises:
        InputError: the file is missing, is not YAML, has a key twice, or uses aliases.
    """
    try:
        return _Loader(Path(path).read_text(encoding="utf-8-sig")).get_single_data()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {advice}.") from None
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from None
