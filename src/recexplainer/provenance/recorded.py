"""The config in a run's record. An earlier version may have written it: with a key less, or with one more."""

from pathlib import Path
from typing import Any

from recexplainer import given
from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.given import Given
from recexplainer.problems import describe
from recexplainer.settings import broken

RECORD = "provenance.json"


def config_in(record: str | Path) -> dict[str, Any]:
    """Return the config of a run, whatever this version would say to it.

    Args:
        record: the run's ``provenance.json``.

    Raises:
        InputError: there is no such file, or it is no record.
    """
    content = read_json(record)
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise InputError(f"{record}: expected the record of a run, with its config.")
    return content["config"]


def recorded_config(record: str | Path, config: dict[str, Any] | None = None) -> Given:
    """Return the config of a run, for use. To look for a key that it has not is an :class:`InputError`, too.

    Args:
        record: the run's ``provenance.json``.
        config: the present one; what the run's lacks is taken from there. None to leave it out.

    Raises:
        InputError: as :func:`config_in`; or a value is of a kind that this version does not know.
    """
    recorded = config_in(record)
    for error in broken(recorded, given.SCHEMA):
        if error.validator == "additionalProperties":
            continue  # nobody looks for it
        if error.validator != "required":
            line = describe(error)[0]
            raise InputError(f"{record}: config: {line} Another version wrote it, or it was edited: run it again.")
        lacking, present = error.instance, config or {}
        for key in error.absolute_path:
            present = present.get(key, {}) if isinstance(present, dict) else {}
        lacking.update({key: present[key] for key in error.validator_value if key in present and key not in lacking})
    return Given.wrapped(recorded, f"{record}: config")
