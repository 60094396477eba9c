r"""Ask the base LLM and the aligned ones about each candidate of a ranking alone, by logits.

Run as:
    python workflow/scripts/rank_pointwise.py --llm results/llm/base.json \
        --systems '[["base", "behavior", null], ["hybrid-full", "hybrid", "results/alignment/games/hybrid/full"]]' \
        --ranking results/predictions/games/base/ranking.parquet --interactions interactions.parquet \
        --items items.parquet --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --prompts config/prompts/default.yaml --settings '{"context": 1024, "precision": "fp16", "batch_size": 64,
        "batch_tokens": 16384, "max_length": 9, "pointwise_cases": 500}' --seed 2024 \
        --output results/predictions/games/pointwise.parquet
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Gpus, Seed, Triples, section


def main(
    *,
    llm: Annotated[str, "the base LLM's manifest"],
    chat_template: Annotated[str | None, "a Jinja chat template; default: the tokenizer's own"] = None,
    systems: Annotated[Triples, "JSON: name, form and alignment's folder (or null) of each"],
    ranking: Annotated[str, "the cases: some system's ranking.parquet"],
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    labels: Annotated[str, "the recommender's labels.parquet"],
    similar: Annotated[str, "the recommender's similar.parquet"],
    prompts: Annotated[str, "YAML file of the tasks' phrasings"],
    settings: Annotated[
        Any, section("evaluation.Pointwise"), "JSON: context, precision, batch_size, max_length, pointwise_cases"
    ],
    seed: Seed,
    output: Annotated[str, "Parquet file to write"],
    gpus: Gpus = None,
    threads: int,
) -> None:
    from recexplainer.devices import claim

    claim(gpus)
    import torch

    from recexplainer.evaluation.pointwise import rank_pointwise

    torch.set_num_threads(threads)
    rank_pointwise(
        llm=llm,
        chat_template=chat_template,
        systems=systems,
        ranking=ranking,
        files={
            "interactions": interactions,
            "items": items,
            "embeddings": embeddings,
            "labels": labels,
            "similar": similar,
        },
        prompts=prompts,
        settings=settings,
        seed=seed,
        output=output,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
