"""What explains the recommender without an LLM: surrogates on the test cases of table 2, from the LLM's own lessons.

Each reads what one of the LLM's modes reads: the recommender's embeddings (intention) or the items of the history
(behavior). All learn from the labels of the training prefixes, those that the LLM is aligned with.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import K
from recexplainer.evaluation.predictions import SCHEMAS, case, check_candidates, write_predictions
from recexplainer.evaluation.surrogate_models import (
    Lessons,
    LinearProbe,
    SparseLinear,
    Surrogate,
    decision_tree,
    narrow,
    nearest_neighbours,
)
from recexplainer.files import read_parquet
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.histories import Histories, load_histories
from recexplainer.seeds import derive_seed
from recexplainer.systems import SURROGATES
from recexplainer.tasks.schema import SEPARATOR, load_tasks

logger = logging.getLogger(__name__)


def predict_surrogates(
    *,
    interactions: str,
    items: str,
    embeddings: str,
    labels: str,
    test: str,
    max_length: int,
    seed: int,
    output_dir: str,
) -> None:
    """Write the predictions of every surrogate in the files that the LLMs' predictions have, a folder for each.

    Memory: it grows with prefixes times items. 35,000 prefixes, 2,000 items and embeddings of 256 took 2.4 GB, and two
    minutes of one quiet processor.

    Args:
        interactions: ``interactions.parquet``.
        items: ``items.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        labels: the recommender's ``labels.parquet``; of the training prefixes only.
        test: the ``test.parquet`` of any mode.
        max_length: how many items of a history the recommender and the LLM see, the newest.
        seed: of the solvers.
        output_dir: where the folders of predictions go.

    Raises:
        InputError: a file is missing or broken, or the files do not belong together.
    """
    histories = load_histories(interactions, items)
    titles = read_parquet(items, ["title"])["title"].to_list()
    export = load_export(embeddings, labels)
    if (len(export.user), len(export.item)) != (len(histories), len(titles)):
        raise InputError(
            f"{embeddings}: {len(export.user)} prefixes and {len(export.item)} items; expected {len(histories)} and "
            f"{len(titles)}, those of {interactions} and {items}. Export the recommender again."
        )
    cases: dict[str, list[dict[str, Any]]] = {task: [] for task in SCHEMAS}
    for row in load_tasks(test, ["sample", "task", "user", "prefix", "item", "target", "candidates"]):
        cases[row["task"]].append(row)
    train, lessons = training_lessons(export.labels)
    bags = history_bags(histories, max_length)
    contexts = {"embeddings": export.user, "history": bags}
    for name, information in SURROGATES.items():
        known = contexts[information]
        model = fit(name, known[train], export.item, lessons, derive_seed(seed, name))
        # The embedding does not say which items are in the history, so that they cannot be left out.
        seen = bags[:, : len(titles)] if information == "history" else None
        for task, rows in answer(model, known, seen, cases, titles).items():
            write_predictions(Path(output_dir) / name / f"{task}.parquet", task, rows)
        logger.info("%s: predictions in %s", name, Path(output_dir) / name)


def training_lessons(labels: Any) -> tuple[np.ndarray, Lessons]:
    """Return the training prefixes (prefixes,) and what the recommender says of them.

    As for the LLM, one choice and one ranking per prefix, and two decisions per user, for the longest prefix.
    """
    rows = labels[labels["split"] == "train"].reset_index(drop=True)
    longest = rows.groupby("user")["length"].idxmax().to_numpy()
    return rows["prefix"].to_numpy(), Lessons(
        top1=rows["top1"].to_numpy(),
        ranking=rows["ranking"].list.flatten().to_numpy().reshape(len(rows), -1).astype(np.int64),
        asked=longest,
        positive=rows["positive"].to_numpy()[longest],
        negative=rows["negative"].to_numpy()[longest],
    )


def history_bags(histories: Histories, max_length: int) -> sparse.csr_array:
    """Return (prefixes, 2 * items): ones for the newest ``max_length`` items, then for the newest one alone."""
    inputs = histories.inputs(np.arange(len(histories)), max_length)
    rows, positions = np.nonzero(inputs)
    columns = np.concatenate([inputs[rows, positions] - 1, histories.item_count + histories.items])
    rows = np.concatenate([rows, np.arange(len(histories))])
    shape = (len(histories), 2 * histories.item_count)
    return narrow(sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape))


def fit(name: str, contexts: Any, items: np.ndarray, lessons: Lessons, seed: int) -> Surrogate:
    """Return a surrogate, fitted on the contexts of the training prefixes (prefixes, dim) and items (items, dim)."""
    if name == "linear_probe":
        return LinearProbe(contexts, items, lessons)
    if name == "sparse_linear":
        return SparseLinear(contexts, len(items), lessons, seed)
    if name == "decision_tree":
        return decision_tree(contexts, len(items), lessons, seed)
    return nearest_neighbours(contexts, len(items), lessons)


def answer(
    model: Surrogate,
    contexts: Any,
    seen: sparse.csr_array | None,
    cases: dict[str, list[dict[str, Any]]],
    titles: list[str],
) -> dict[str, list[dict[str, Any]]]:
    """Return a surrogate's answers, by task, as rows of the files of predictions.

    Args:
        model: the surrogate.
        contexts: (all prefixes, dim).
        seen: (all prefixes, items), ones where an item is in the history; None where that is not known.
        cases: the test cases of each task.
        titles: of all items.
    """
    index = {title: item for item, title in enumerate(titles)}
    answers: dict[str, list[dict[str, Any]]] = {task: [] for task in SCHEMAS}
    prefixes = {task: np.array([row["prefix"] for row in rows], dtype=np.int64) for task, rows in cases.items()}
    if cases["retrieval"]:
        scores = model.retrieve(contexts[prefixes["retrieval"]])
        if seen is not None:
            scores[seen[prefixes["retrieval"]].nonzero()] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        for row, chosen in zip(cases["retrieval"], best, strict=True):
            offered = [titles[item] for item in chosen]
            own = {"target": row["target"][0], "predictions": offered, "constrained": offered, "read": len(offered)}
            answers["retrieval"].append(case(row) | own)
    if cases["ranking"]:
        check_candidates(cases["ranking"], index)
        candidates = [[index[title] for title in row["candidates"]] for row in cases["ranking"]]
        lengths = list(map(len, candidates))
        flat = np.concatenate([np.array(own, dtype=np.int64) for own in candidates])
        scores = model.score(contexts[prefixes["ranking"]], np.repeat(np.arange(len(lengths)), lengths), flat)
        for row, own in zip(cases["ranking"], np.split(scores, np.cumsum(lengths)[:-1]), strict=True):
            predicted = [row["candidates"][place] for place in np.argsort(-own, kind="stable")]
            ranked = {"target": row["target"], "candidates": row["candidates"], "predicted": predicted}
            answers["ranking"].append(case(row) | ranked | {"text": SEPARATOR.join(predicted)})
    if cases["classification"]:
        chosen = np.array([row["item"] for row in cases["classification"]], dtype=np.int64)
        scores = model.decide(contexts[prefixes["classification"]], np.arange(len(chosen)), chosen)
        answers["classification"] = [
            case(row)
            | {"target": row["target"][0] == "Yes", "predicted": bool(score > 0), "score": float(score), "text": ""}
            for row, score in zip(cases["classification"], scores, strict=True)
        ]
    return answers
