"""What the filter counted, as later stages read it."""

from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_json

COUNTS = ("users", "items", "interactions")


def read_counts(path: str | Path, dataset: str) -> dict[str, int]:
    """Return the users, items and interactions of a data set, from its ``statistics.json``.

    Raises:
        InputError: the file is missing or damaged, or one of them is no number of at least 1.
    """
    values = read_json(path)
    for name in COUNTS:
        value = values.get(name) if isinstance(values, dict) else None
        if type(value) is not int or value < 1:
            raise InputError(
                f"{path}: {name}: missing or no count; expected a whole number of at least 1. Run the filter of "
                f"{dataset} again."
            )
    return {name: values[name] for name in COUNTS}
