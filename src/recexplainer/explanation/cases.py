"""The cases to be explained: a history, an item, and the recommender's own decision (section 3.1.2)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from recexplainer.config.explanation import Chosen
from recexplainer.errors import InputError
from recexplainer.files import read_json, read_parquet, write_parquet
from recexplainer.recommender.contract import Export, load_export
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)

CASES = pa.schema(
    [
        ("case", pa.string()),
        ("user", pa.int32()),
        # The row of the user's embedding.
        ("prefix", pa.int32()),
        ("item", pa.int32()),
        # The recommender's decision, its score of the item, and the share of the unseen items that score lower.
        ("label", pa.bool_()),
        ("score", pa.float32()),
        ("percentile", pa.float32()),
        # The titles that the recommender sees, oldest first.
        ("history", pa.list_(pa.string())),
        # Of the item; "" where there is none.
        ("title", pa.string()),
        ("description", pa.string()),
        ("tags", pa.string()),
        ("brand", pa.string()),
        ("feature", pa.string()),
    ]
)
"""The columns of ``cases.parquet``: one row per case, in a fixed order."""

FACTS = ("description", "tags", "brand", "feature")


def choose_cases(
    *, interactions: str, items: str, labels: str, embeddings: str, settings: Chosen, seed: int, output: str
) -> None:
    """Draw the cases of one dataset and write ``cases.parquet``.

    Half of the cases have an item that the recommender rates high (the positive of the user's test prefix), half one
    that it rates low. Each case has a user of its own; with fewer users than cases some give both their items.

    Args:
        interactions: ``interactions.parquet``.
        items: ``items.parquet``.
        labels: ``labels.parquet`` of the recommender.
        embeddings: ``embeddings.safetensors`` of the recommender.
        settings: how many, and how many items of a history the recommender sees.
        seed: of the draw.
        output: the file to write.

    Raises:
        InputError: a file is missing or broken, or the files do not belong together.
    """
    catalogue = read_parquet(items, ["title", *FACTS])
    events = read_parquet(interactions, ["user", "item", "position"]).sort_values(["user", "position"])
    export = load_export(embeddings, labels)
    if len(export.item) != len(catalogue):
        raise InputError(f"{items}: {len(catalogue)} items, but {embeddings} has {len(export.item)}; export again.")
    sequences = {user: group.to_numpy() for user, group in events.groupby("user", sort=True)["item"]}
    tests = export.labels[export.labels["split"] == "test"].set_index("user").sort_index()
    _check_users(labels, interactions, tests, sequences)

    count = min(settings.cases, 2 * len(tests))
    if count < settings.cases:
        logger.warning("%d cases asked for, %d chosen: two for each of %d users", settings.cases, count, len(tests))
    elif count > len(tests):
        logger.warning("%d cases from %d users: some users have two", count, len(tests))
    rows = []
    for number, (user, positive) in enumerate(draw_cases(list(tests.index), count, seed)):
        test = tests.loc[user]
        seen = sequences[user][: test["length"]]
        item = int(test["positive" if positive else "negative"])
        score, percentile = _score(export, int(test["prefix"]), item, seen)
        expected = float(test["positive_score" if positive else "negative_score"])
        if abs(score - expected) > 1e-3 * max(1.0, abs(expected)):
            raise InputError(f"{labels}: prefix {test['prefix']}: its scores are not those of {embeddings}.")
        facts = catalogue.loc[item]
        rows.append(
            {
                "case": f"{number:04d}",
                "user": int(user),
                "prefix": int(test["prefix"]),
                "item": item,
                "label": positive,
                "score": score,
                "percentile": percentile,
                "history": [catalogue["title"][i] for i in seen[-settings.max_length :]],
                "title": facts["title"],
                **{name: facts[name].strip() for name in FACTS},
            }
        )
    write_parquet(output, pa.Table.from_pylist(rows, schema=CASES))
    logger.info("%d cases in %s", len(rows), output)


def draw_cases(users: list[int], count: int, seed: int) -> list[tuple[int, bool]]:
    """Return ``count`` pairs of a user and whether the item is the positive one, in random order.

    Positive and negative are as many (one more positive for an odd number); a user comes a second time, with the
    other item, only when all users have come.
    """
    rng = make_rng(seed, "cases")
    order = [users[place] for place in rng.permutation(len(users))]
    positives = count - count // 2
    pairs = [(order[place % len(order)], place < positives) for place in range(count)]
    return [pairs[place] for place in rng.permutation(count)]


def load_cases(path: str | Path) -> list[dict[str, Any]]:
    """Read the cases as dictionaries, ``history`` as a list.

    Raises:
        InputError: the file is missing or broken.
    """
    rows = read_parquet(path, CASES).to_dict("records")
    return [row | {"history": list(row["history"])} for row in rows]


def _check_users(labels: str, interactions: str, tests: pd.DataFrame, sequences: dict[int, np.ndarray]) -> None:
    if tests.empty:
        raise InputError(f"{labels}: no row of the split test; expected one per user. Export the recommender again.")
    for user, length in tests["length"].items():
        if user not in sequences or len(sequences[user]) != length + 1:
            raise InputError(
                f"{labels}: user {user}: expected as many prefixes as {interactions} has items of the user."
            )


def _score(export: Export, prefix: int, item: int, seen: np.ndarray) -> tuple[float, float]:
    """Return the recommender's score of an item, and the share of the unseen items that score lower."""
    scores = export.item @ export.user[prefix]
    unseen = np.ones(len(scores), dtype=bool)
    unseen[seen] = False
    return float(scores[item]), float((scores[unseen] < scores[item]).mean())


def read_selected(path: str | Path) -> dict[str, str]:
    """Read the choice of one case that :func:`recexplainer.figures.select.select_case` wrote.

    Raises:
        InputError: the file is missing, or is not such a choice.
    """
    value = read_json(path)
    keys = ("case", "system", "judge", "rule")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in keys):
        raise InputError(f"{path}: expected the texts {', '.join(keys)}. Select the case again.")
    return value
