r"""Write the predictions of a statistical baseline.

Run as:
    python workflow/scripts/baselines.py --system popularity --interactions interactions.parquet \
        --items items.parquet --test tasks/games/hybrid/test.parquet --seed 2024 \
        --output-dir results/predictions/games/popularity
"""

from typing import Annotated, Literal

from recexplainer import cli
from recexplainer.arguments import Seed


def main(
    *,
    system: Annotated[Literal["random", "popularity"], "which baseline"],
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    test: Annotated[str, "test samples of any mode"],
    seed: Seed,
    output_dir: Annotated[str, "folder for the four files of predictions"],
) -> None:
    from recexplainer.evaluation.baselines import predict_baseline

    predict_baseline(system=system, interactions=interactions, items=items, test=test, seed=seed, output_dir=output_dir)


if __name__ == "__main__":
    cli.run(main, __doc__)
