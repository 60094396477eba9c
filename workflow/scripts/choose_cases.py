"""Choose the cases to be explained: half of them items that the recommender rates high, half low.

Run as: python workflow/scripts/choose_cases.py --interactions interactions.parquet --items items.parquet
    --labels labels.parquet --embeddings embeddings.safetensors --settings '{"cases": 500, "max_length": 9}' --seed 1
    --output results/explanations/games/cases.parquet
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    interactions: Annotated[str, "interactions.parquet"],
    items: Annotated[str, "items.parquet"],
    labels: Annotated[str, "the recommender's labels.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    settings: Annotated[Any, section("explanation.Chosen"), "JSON: cases, max_length"],
    seed: Seed,
    output: Annotated[str, "Parquet to write"],
) -> None:
    from recexplainer.explanation.cases import choose_cases

    choose_cases(
        interactions=interactions,
        items=items,
        labels=labels,
        embeddings=embeddings,
        settings=settings,
        seed=seed,
        output=output,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
