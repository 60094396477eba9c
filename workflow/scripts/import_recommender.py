r"""Import a recommender from outside: check its embeddings or scores, label them, measure them on the test items.

Run as:
    python workflow/scripts/import_recommender.py --interactions interactions.parquet --items items.parquet \
        --given mine/embeddings.safetensors --settings '{"positive_share": 0.2, "negative_share": 0.5, "candidates": 5,
        "similar": 1, "batch_size": 1024, "bootstrap": 1000, "validation": "second_last", "name": "mine"}' \
        --seed 2024 --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --metrics metrics.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    given: Annotated[str, "embeddings.safetensors or scores.safetensors"],
    settings: Annotated[Any, section("labels.Imported"), "the labels section and name, validation, bootstrap as JSON"],
    seed: Seed,
    embeddings: Annotated[str, "safetensors file to write"],
    labels: Annotated[str, "Parquet file to write: one row per prefix"],
    similar: Annotated[str, "Parquet file to write: one row per item"],
    metrics: Annotated[str, "CSV file to write"],
) -> None:
    from recexplainer.files import write_csv, write_parquet, write_safetensors
    from recexplainer.recommender.external import import_recommender
    from recexplainer.recommender.histories import load_histories

    taken = import_recommender(given, load_histories(interactions, items), settings, seed)
    write_safetensors(embeddings, taken.embeddings)
    write_parquet(labels, taken.labels)
    write_parquet(similar, taken.similar)
    write_csv(metrics, taken.metrics)


if __name__ == "__main__":
    cli.run(main, __doc__)
