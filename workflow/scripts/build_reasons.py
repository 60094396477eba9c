r"""Write the training samples of the seventh task, explanation, of one dataset in one mode.

Run as:
    python workflow/scripts/build_reasons.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --model model.safetensors config.json --question config/prompts/explanation.yaml \
        --wording config/prompts/reasons.yaml --prompts config/prompts/default.yaml \
        --settings '{"mode": "hybrid", "max_length": 9, "hybrid_forms": "combined", "samples": 1500,
            "verdict_alone": true, "choices_alone": 1000, "viewpoint_share": 0.5,
            "viewpoints": {"genre": {"values": [], "fields": ["tags"]}}}' \
        --seed 2024 --output explanation.parquet
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
    model: Annotated[tuple[str, str], "the recommender's model.safetensors and config.json"],
    question: Annotated[str, "YAML file with the question of explanations"],
    wording: Annotated[str, "YAML file of sentences"],
    prompts: Annotated[str, "YAML file of phrasings"],
    settings: Annotated[
        Any,
        section("tasks.Explained"),
        "JSON: mode, max_length, hybrid_forms, samples; verdict_alone, choices_alone, viewpoint_share, viewpoints",
    ],
    seed: Annotated[Seed, "the same for all modes of a dataset"],
    output: Annotated[str, "Parquet file to write"],
    threads: int,
) -> None:
    import torch

    from recexplainer.recommender.scorer import recommender_scorer
    from recexplainer.tasks.explanation import build_explanations

    torch.set_num_threads(threads)
    build_explanations(
        files={
            "interactions": interactions,
            "items": items,
            "embeddings": embeddings,
            "labels": labels,
            "similar": similar,
        },
        scorer=recommender_scorer(*model),
        question=question,
        wording=wording,
        prompts=prompts,
        settings=settings,
        seed=seed,
        output=output,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
