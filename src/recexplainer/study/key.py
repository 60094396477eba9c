"""The key of a study: which text is of which case and system, and who rates."""

from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.study.draw import check_raters


def read_key(path: str | Path) -> dict[str, Any]:
    """Read ``key.json``, as :func:`recexplainer.study.draw.draw_study` writes it.

    Raises:
        InputError: the file is missing or damaged, or is no key of a study.
    """
    key = read_json(path)
    kinds = {"study": str, "dataset": str, "systems": list, "raters": list, "texts": dict}
    for name, kind in kinds.items():
        if not isinstance(key, dict) or not isinstance(key.get(name), kind):
            raise InputError(f"{path}: {name}: missing or of another kind; expected the key of a study. Draw it again.")
    check_raters(key["raters"])
    if not all(isinstance(name, str) for name in key["systems"]):
        raise InputError(f"{path}: systems: expected texts. Draw the study again.")
    for what in key["texts"].values():
        shaped = isinstance(what, dict) and sorted(what) == ["case", "system"] and isinstance(what["case"], str)
        if not shaped or what["system"] not in key["systems"]:
            raise InputError(f"{path}: texts: expected a case and one of the systems of each. Draw the study again.")
    return key
