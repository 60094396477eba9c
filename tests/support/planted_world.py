"""The files of a dataset whose recommender is known, for tests that plant explainers in it."""

from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.config.explanation import Chosen
from recexplainer.config.labels import LabelRules
from recexplainer.explanation.cases import choose_cases
from recexplainer.files import write_parquet, write_safetensors
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes


def write_world(
    folder: Path,
    titles: list[str],
    genres: list[str],
    sequences: list[list[int]],
    user: np.ndarray,
    item: np.ndarray,
    max_length: int,
) -> dict[str, str]:
    """Write interactions, items, embeddings, labels, and a case for each user; return their paths by name.

    Args:
        folder: where they go.
        titles: of each item.
        genres: of each item; it is a tag beside one that all items have.
        sequences: the items of each user, oldest first.
        user: (prefixes, dim) embeddings of the prefixes, those of a user one after the other.
        item: (items, dim) embeddings of the items.
        max_length: items of a history that a case shows.
    """
    count = len(titles)
    paths = {name: str(folder / f"{name}.parquet") for name in ("interactions", "items", "labels", "cases")}
    paths["embeddings"] = str(folder / "embeddings.safetensors")
    events = [(user, item, place, place) for user, row in enumerate(sequences) for place, item in enumerate(row)]
    write_parquet(paths["interactions"], pd.DataFrame(events, columns=["user", "item", "position", "time"]))
    facts = {"title": titles, "tags": [f"Games, {genre}" for genre in genres]}
    empty = {name: [""] * count for name in ("description", "brand", "feature")}
    write_parquet(paths["items"], pd.DataFrame({"item": range(count)} | facts | empty))
    write_safetensors(paths["embeddings"], {"user": user, "item": item})
    histories = Histories.from_sequences(sequences, count)
    rules = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=1)
    write_parquet(paths["labels"], label_prefixes(user, item, histories, rules, 1, 64))
    files = {name: paths[name] for name in ("interactions", "items", "labels", "embeddings")}
    settings = Chosen(cases=len(sequences), max_length=max_length)
    choose_cases(**files, settings=settings, seed=2, output=paths["cases"])
    return paths
