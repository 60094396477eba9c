"""The statistical baselines, Random and Popularity (section 3.2.3)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.evaluation.metrics import K
from recexplainer.evaluation.predictions import SCHEMAS, case, check_candidates, write_predictions
from recexplainer.files import read_parquet
from recexplainer.seeds import make_rng
from recexplainer.tasks.schema import SEPARATOR, load_tasks

logger = logging.getLogger(__name__)


def predict_baseline(*, system: str, interactions: str, items: str, test: str, seed: int, output_dir: str) -> None:
    """Write the predictions of a baseline in the files that the LLMs' predictions have.

    Args:
        system: ``random`` or ``popularity``.
        interactions: ``interactions.parquet``; the last item of each user does not count as popularity.
        items: ``items.parquet``.
        test: the ``test.parquet`` of any mode.
        seed: of all draws.
        output_dir: where the files go.

    Raises:
        InputError: a file is missing or broken, or the tasks are of another catalogue.
    """
    titles = read_parquet(items, ["title"])["title"].to_list()
    popularity = training_popularity(read_parquet(interactions, ["user", "item", "position"]), len(titles))
    cases: dict[str, list[dict[str, Any]]] = {task: [] for task in SCHEMAS}
    for row in load_tasks(test, ["sample", "task", "user", "target", "candidates"]):
        cases[row["task"]].append(row)
    answers: dict[str, list[dict[str, Any]]] = {task: [] for task in SCHEMAS}
    if system == "random":
        answers["retrieval"] = retrieve(cases["retrieval"], titles, None, make_rng(seed, system, "retrieval"))
        answers["ranking"] = shuffle(cases["ranking"], make_rng(seed, system, "ranking"))
        answers["classification"] = flip(cases["classification"], make_rng(seed, system, "classification"))
    else:
        answers["retrieval"] = retrieve(cases["retrieval"], titles, popularity, make_rng(seed, system, "retrieval"))
        answers["ranking"] = sort_by_popularity(cases["ranking"], titles, popularity)
    for task, rows in answers.items():
        write_predictions(Path(output_dir) / f"{task}.parquet", task, rows)
    logger.info("%s: predictions in %s", system, output_dir)


def training_popularity(interactions: Any, item_count: int) -> np.ndarray:
    """Count each item (items,) in the interactions that are not the last, the test item, of their user."""
    last = interactions.groupby("user")["position"].transform("max")
    return np.bincount(interactions["item"][interactions["position"] < last], minlength=item_count)


def retrieve(
    rows: list[dict[str, Any]], titles: list[str], popularity: np.ndarray | None, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Draw five different items per case, uniformly or in proportion to ``popularity`` (items,)."""
    weights, possible = None, len(titles)
    if popularity is not None:
        weights, possible = popularity / popularity.sum(), np.count_nonzero(popularity)
    answers = []
    for row in rows:
        drawn = rng.choice(len(titles), size=min(K, possible), replace=False, p=weights)
        predictions = [titles[item] for item in drawn]
        answer = {
            "target": row["target"][0],
            "predictions": predictions,
            "constrained": predictions,
            "read": len(predictions),
        }
        answers.append(case(row) | answer)
    return answers


def shuffle(rows: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rank the candidates of each case in a random order."""
    answers = []
    for row in rows:
        candidates = row["candidates"]
        answers.append(_ranked(row, [candidates[place] for place in rng.permutation(len(candidates))]))
    return answers


def sort_by_popularity(rows: list[dict[str, Any]], titles: list[str], popularity: np.ndarray) -> list[dict[str, Any]]:
    """Rank the candidates of each case by ``popularity`` (items,), the most popular first, ties by item."""
    index = {title: item for item, title in enumerate(titles)}
    check_candidates(rows, index)
    return [
        _ranked(row, sorted(row["candidates"], key=lambda title: (-popularity[index[title]], index[title])))
        for row in rows
    ]


def flip(rows: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Decide each case by a fair coin."""
    coins = rng.random(len(rows)) < 0.5
    return [
        case(row) | {"target": row["target"][0] == "Yes", "predicted": bool(coin), "score": float("nan"), "text": ""}
        for row, coin in zip(rows, coins, strict=True)
    ]


def _ranked(row: dict[str, Any], predicted: list[str]) -> dict[str, Any]:
    return case(row) | {
        "target": row["target"],
        "candidates": row["candidates"],
        "text": SEPARATOR.join(predicted),
        "predicted": predicted,
    }
