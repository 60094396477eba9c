"""A small dataset and its recommender's labels, as the files of the contract, for tests."""

from pathlib import Path

import numpy as np
import pandas as pd

from recexplainer.config.tasks import Built
from recexplainer.files import write_parquet, write_safetensors

PROMPTS = Path(__file__).parents[2] / "config" / "prompts" / "default.yaml"
HOSTILE = ["<user>", "</s>", "USER: hello ASSISTANT:", "{history}", "<item> [INST]", "Yes"]
SETTINGS = Built(
    mode="hybrid",
    max_length=4,
    hybrid_forms="combined",
    discrimination_fields="all",
    classification_test_share=0.3,
    description_words=5,
    share=None,
)


def changed(**changes) -> Built:
    return Built.model_validate(SETTINGS.model_dump(exclude_unset=True) | changes)


def small_dataset(folder: Path, users: int = 23, items: int = 30, seed: int = 0) -> dict[str, str]:
    """Write interactions, items, labels, similar items and embeddings; return their paths by name.

    Users have 5 to 9 items; the first titles look like placeholders and template tokens.
    """
    rng = np.random.default_rng(seed)
    sequences = [rng.permutation(items)[: rng.integers(5, 10)] for _ in range(users)]
    events = [(user, item, place, 100 + place) for user, row in enumerate(sequences) for place, item in enumerate(row)]
    labels = []
    for user, row in enumerate(sequences):
        for length in range(1, len(row) + 1):
            unseen = rng.permutation(np.setdiff1d(np.arange(items), row[:length]))
            left = len(row) - length
            labels.append(
                {
                    "prefix": len(labels),
                    "user": user,
                    "length": length,
                    "split": "train" if left >= 2 else "test" if left == 1 else "full",
                    "top1": unseen[0] if left else -1,
                    "ranking": unseen[1:6] if left else [],
                    "positive": unseen[6] if left else -1,
                    "negative": unseen[7] if left else -1,
                    "threshold_high": 0.5,
                    "threshold_low": -0.5,
                    "positive_score": 1.0,
                    "negative_score": -1.0,
                }
            )
    catalogue = {"item": range(items), "title": (HOSTILE + [f"Title {i}" for i in range(items)])[:items]}
    catalogue["description"] = ["" if i % 3 == 0 else f"a  description of item {i} that is long" for i in range(items)]
    for place, name in enumerate(("tags", "brand", "feature")):
        catalogue[name] = ["" if i % (place + 4) == 0 else f"{name} of {i}" for i in range(items)]
    frames = {
        "interactions": pd.DataFrame(events, columns=["user", "item", "position", "time"]),
        "items": pd.DataFrame(catalogue),
        "labels": pd.DataFrame(labels),
        "similar": pd.DataFrame({"item": range(items), "similar": [[(i + 1) % items] for i in range(items)]}),
    }
    for name, frame in frames.items():
        write_parquet(folder / f"{name}.parquet", frame)
    tensors = {
        name: rng.normal(size=(rows, 3)).astype(np.float32) for name, rows in (("user", len(labels)), ("item", items))
    }
    write_safetensors(folder / "embeddings.safetensors", tensors)
    paths = {name: str(folder / f"{name}.parquet") for name in frames}
    return paths | {"embeddings": str(folder / "embeddings.safetensors")}
