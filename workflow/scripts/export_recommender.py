r"""Write a trained recommender's embeddings and labels, the only files that later stages read.

Run as:
    python workflow/scripts/export_recommender.py --interactions interactions.parquet --items items.parquet \
        --model model.safetensors --config config.json \
        --settings '{"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 1024}' \
        --seed 2024 --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet
"""

import logging
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section

logger = logging.getLogger("export_recommender")


def main(
    *,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    model: Annotated[str, "the recommender's model.safetensors"],
    config: Annotated[str, "the recommender's config.json"],
    settings: Annotated[Any, section("labels.Labels"), "the labels section as JSON"],
    seed: Seed,
    embeddings: Annotated[str, "safetensors file to write"],
    labels: Annotated[str, "Parquet file to write: one row per prefix"],
    similar: Annotated[str, "Parquet file to write: one row per item"],
) -> None:
    from recexplainer.files import write_parquet, write_safetensors
    from recexplainer.recommender.export import export
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import load_model

    histories = load_histories(interactions, items)
    tensors, *tables = export(load_model(model, config), histories, settings, seed)
    write_safetensors(embeddings, tensors)
    for path, table in zip((labels, similar), tables, strict=True):
        write_parquet(path, table)
    logger.info("the export is in %s, %s and %s", embeddings, labels, similar)


if __name__ == "__main__":
    cli.run(main, __doc__)
