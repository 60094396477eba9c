"""The files of the faithfulness stage: one row per case, or per system and case."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.files import read_parquet, write_parquet

RECORDS = pa.schema(
    [
        ("case", pa.string()),
        ("user", pa.int32()),
        # What the recommender decides, and its score of the target.
        ("label", pa.bool_()),
        ("score", pa.float32()),
        # What the text decides (null: unreadable), and what its author classifies the case as (null: not known).
        ("decision", pa.bool_()),
        ("own_decision", pa.bool_()),
        # Grounding: the different titles that the text cites, beside the target: in the history (and which), another
        # item of the catalogue, no item at all.
        ("cited_history", pa.int32()),
        ("cited_catalogue", pa.int32()),
        ("cited_nowhere", pa.int32()),
        ("cited", pa.list_(pa.string())),
        # Wrong statements on cited items: said to be in the history, or the item in question, and is not; given a
        # genre, platform or brand that the metadata refutes.
        ("wrong_roles", pa.int32()),
        ("wrong_facts", pa.int32()),
        # Counterfactual fidelity: see recexplainer.faithfulness.counterfactual.Effect.
        ("effect", pa.float64()),
        ("effect_by_chance", pa.float64()),
        ("effect_rank", pa.float64()),
        ("effect_by_newest", pa.float64()),
        ("rank_of_newest", pa.float64()),
        ("effect_by_similar", pa.float64()),
        ("rank_of_similar", pa.float64()),
        # Distinction: whom the reader takes for the author (null of a control). Coherence: what it takes for the score,
        # from the text and from the target's title alone. And what it takes for the verdict that was masked.
        ("author", pa.string()),
        ("score_read", pa.float64()),
        ("score_read_from_title", pa.float64()),
        ("verdict_read", pa.bool_()),
        # Simulatability: the two other items, and whether the readers tell which of them is offered.
        ("offered", pa.string()),
        ("refused", pa.string()),
        ("foreseen", pa.float64()),
        ("foreseen_by_verdict", pa.float64()),
        ("foreseen_from_prompt", pa.float64()),
    ]
)
"""The columns of ``faithfulness/{dataset}/{system}.parquet``. Null: the measure does not apply."""


OWN_DECISIONS = pa.schema(
    [
        ("case", pa.string()),
        ("system", pa.string()),
        # Null: the prompt was over the context even without its history.
        ("decision", pa.bool_()),
        # The logit of Yes less that of No.
        ("score", pa.float32()),
    ]
)
"""The columns of ``own_decisions.parquet``: one row per system and case."""


def write_records(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write the cases of one system in the order given; NaN becomes null."""
    clean = [{name: None if value != value else value for name, value in row.items()} for row in rows]
    write_parquet(path, pa.Table.from_pylist(clean, schema=RECORDS))


def read_records(path: str | Path) -> pd.DataFrame:
    """Read the cases of one system.

    Raises:
        InputError: the file is missing or broken.
    """
    return read_parquet(path, RECORDS)


def load_own_decisions(path: str | Path, cases: list[dict[str, Any]]) -> dict[str, list[bool | None]]:
    """Read each system's decisions, one per case in the order of the cases.

    Raises:
        InputError: the file is missing or broken, or is of other cases.
    """
    frame = read_parquet(path, OWN_DECISIONS)
    names = [case["case"] for case in cases]
    result = {}
    for system, rows in frame.groupby("system", sort=False):
        if list(rows["case"]) != names:
            raise InputError(f"{path}: {system}: expected the {len(names)} cases in order. Classify the cases again.")
        result[system] = [None if decision is None else bool(decision) for decision in rows["decision"]]
    return result
