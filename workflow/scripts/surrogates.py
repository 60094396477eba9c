r"""Write the predictions of the surrogates that are no LLM, a folder for each.

Run as:
    python workflow/scripts/surrogates.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --test tasks/games/behavior/test.parquet \
        --settings '{"max_length": 9}' --seed 2024 --output-dir results/predictions/games
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
    test: Annotated[str, "test samples of any mode"],
    settings: Annotated[Any, section("evaluation.Surrogate"), "JSON: max_length"],
    seed: Seed,
    output_dir: Annotated[str, "where the folders of predictions go"],
) -> None:
    from recexplainer.config.evaluation import Surrogate
    from recexplainer.evaluation.surrogates import predict_surrogates

    chosen: Surrogate = settings
    predict_surrogates(
        interactions=interactions,
        items=items,
        embeddings=embeddings,
        labels=labels,
        test=test,
        max_length=chosen.max_length,
        seed=seed,
        output_dir=output_dir,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
