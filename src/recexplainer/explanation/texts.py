"""The files of explanations: one row per case, one file per system."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from recexplainer.decision import read_decision
from recexplainer.errors import InputError
from recexplainer.files import read_parquet, write_parquet
from recexplainer.service.thoughts import without_thoughts

_ANSWER = [
    # What was asked; <user> and <item> stand for embeddings.
    ("prompt", pa.string()),
    ("text", pa.string()),
    # Whether the text recommends the item (null: unreadable), and whether the recommender does.
    ("decision", pa.bool_()),
    ("label", pa.bool_()),
    # The recommender's score of the item.
    ("score", pa.float32()),
    # stop; length, cut off at the token limit; refused by the service; failed, the prompt was too long.
    ("finish", pa.string()),
]
EXPLANATIONS = pa.schema([("case", pa.string()), *_ANSWER])
VIEWPOINTS = pa.schema([("case", pa.string()), ("viewpoint", pa.string()), *_ANSWER])


def explanation(case: dict[str, Any], prompt: str, text: str, finish: str) -> dict[str, Any]:
    """Return the row of one explanation; what the system thought before it is no part of it."""
    text = without_thoughts(text)
    decision = read_decision(text) if finish in ("stop", "length") else None
    return {
        "case": case["case"],
        "prompt": prompt,
        "text": text,
        "decision": decision,
        "label": bool(case["label"]),
        "score": float(case["score"]),
        "finish": finish,
    }


def write_explanations(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write explanations in the order given; with a column ``viewpoint`` where the rows have one."""
    schema = VIEWPOINTS if rows and "viewpoint" in rows[0] else EXPLANATIONS
    write_parquet(path, pa.Table.from_pylist(rows, schema=schema))


def load_explanations(
    paths: Sequence[str], systems: Sequence[str], cases: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Read the explanations of some systems.

    Args:
        paths: one file per system.
        systems: their names.
        cases: the cases that each file must hold, in this order.

    Returns:
        Per system, in the order given, one row per case; ``decision`` is True, False or None.

    Raises:
        InputError: a file is missing, is broken, or is of other cases.
    """
    if len(paths) != len(systems) or len(set(systems)) != len(systems):
        raise InputError(f"--explanations: {len(paths)} files for the systems {systems}; expected one of each.")
    result = {}
    for path, system in zip(paths, systems, strict=True):
        frame = read_parquet(path, EXPLANATIONS)
        if list(frame["case"]) != [case["case"] for case in cases]:
            raise InputError(f"{path}: expected the {len(cases)} cases in their order. Explain the cases again.")
        rows = frame.to_dict("records")
        result[system] = [
            row | {"decision": None if row["decision"] is None else bool(row["decision"])} for row in rows
        ]
    return result


def load_viewpoints(path: str) -> list[dict[str, Any]]:
    """Read the explanations by point of view; ``decision`` is True, False or None.

    Raises:
        InputError: the file is missing or broken.
    """
    rows = read_parquet(path, VIEWPOINTS).to_dict("records")
    return [row | {"decision": None if row["decision"] is None else bool(row["decision"])} for row in rows]
