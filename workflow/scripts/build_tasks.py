r"""Write the training and test samples of one dataset in one mode.

Run as:
    python workflow/scripts/build_tasks.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --prompts config/prompts/default.yaml \
        --settings '{"mode": "hybrid", "max_length": 9, "hybrid_forms": "combined",
                     "discrimination_fields": "all", "classification_test_share": 0.3, "description_words": 60}' \
        --seed 2024 --train train.parquet --test test.parquet
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    labels: Annotated[str, "the recommender's labels.parquet"],
    similar: Annotated[str, "the recommender's similar.parquet"],
    prompts: Annotated[str, "YAML file of phrasings"],
    settings: Annotated[
        Any,
        section("tasks.Built"),
        "JSON: mode, max_length, hybrid_forms, discrimination_fields, classification_test_share, description_words",
    ],
    seed: Annotated[Seed, "the same for all modes of a dataset"],
    train: Annotated[str, "Parquet file to write"],
    test: Annotated[str, "Parquet file to write"],
) -> None:
    from recexplainer.tasks.build import build_tasks

    build_tasks(
        interactions=interactions,
        items=items,
        embeddings=embeddings,
        labels=labels,
        similar=similar,
        prompts=prompts,
        settings=settings,
        seed=seed,
        paths={"train": train, "test": test},
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
