"""Reading the YAML files that a user may edit: prompts, levels, deviations."""

from pathlib import Path
from typing import Any

import yaml

from recexplainer.errors import InputError


def read_yaml(path: str | Path, advice: str) -> Any:
    """Read a YAML file.

    Args:
        path: the file.
        advice: what was expected or what to do, for the message when the file is missing.

    Raises:
        InputError: the file is missing or is not YAML.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {advice}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from None
