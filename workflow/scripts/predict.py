"""Predict the test cases of an aligned model, or of the base LLM: retrieval, ranking, classification, reconstruction.

Run as: python workflow/scripts/predict.py --llm results/llm/base.json --adapter results/alignment/games/hybrid/full
    --test test.parquet --embeddings embeddings.safetensors --items items.parquet --settings '{...}' --seed 1
    --output-dir results/predictions/games/hybrid-full
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Count, Gpus, Seed, section


def main(
    *,
    llm: Annotated[str, "the base LLM's manifest"],
    chat_template: Annotated[str | None, "a Jinja chat template; default: the tokenizer's own"] = None,
    adapter: Annotated[str | None, "the folder of an alignment; default: the base LLM alone"] = None,
    test: Annotated[str, "test.parquet of the mode"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    items: Annotated[str, "items.parquet"],
    settings: Annotated[Any, section("evaluation.Predicted"), "the evaluation section as JSON"],
    seed: Seed,
    output_dir: Annotated[str, "folder for the predictions"],
    shard: Annotated[tuple[Count, Count], "which share of the cases, from 0, and of how many"] = (0, 1),
    gpus: Gpus = None,
    threads: int,
) -> None:
    from recexplainer.devices import claim

    claim(gpus)
    import torch

    from recexplainer.evaluation.predict import predict

    torch.set_num_threads(threads)
    predict(
        llm=llm,
        chat_template=chat_template,
        adapter=adapter,
        test=test,
        embeddings=embeddings,
        items=items,
        settings=settings,
        seed=seed,
        output_dir=output_dir,
        shard=shard[0],
        shards=shard[1],
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
