r"""Measure how far the explanations of a dataset's systems can be trusted, case by case.

Run as:
    python workflow/scripts/faithfulness.py --cases cases.parquet \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --systems base hybrid-full --own-decisions own_decisions.parquet --interactions interactions.parquet \
        --items items.parquet --embeddings embeddings.safetensors --labels labels.parquet \
        --model model.safetensors config.json --settings '{"folds": 5, "draws": 200}' --seed 2024 \
        --outputs faithfulness/games/base.parquet faithfulness/games/hybrid-full.parquet
Without files of --model the recommender is not run again: the counterfactual measure stays empty.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, check_paired, section


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    explanations: Annotated[list[str], "Parquet files, one per system"],
    systems: Annotated[list[str], "their names, in the same order"],
    own_decisions: Annotated[str | None, "Parquet: what the LLMs classify the cases as"] = None,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    embeddings: Annotated[str, "the recommender's embeddings.safetensors"],
    labels: Annotated[str, "the recommender's labels.parquet"],
    model: Annotated[Sequence[str], "the recommender's model.safetensors and config.json"] = (),
    settings: Annotated[Any, section("faithfulness.Measured"), "JSON: folds, draws"],
    seed: Seed,
    outputs: Annotated[list[str], "Parquet files to write, one per system"],
    threads: int,
) -> None:
    import torch

    from recexplainer.faithfulness.measure import measure_faithfulness
    from recexplainer.recommender.scorer import recommender_scorer

    check_paired(explanations=explanations, systems=systems, outputs=outputs)
    torch.set_num_threads(threads)
    measure_faithfulness(
        cases=cases,
        explanations=explanations,
        systems=systems,
        own_decisions=own_decisions,
        interactions=interactions,
        items=items,
        embeddings=embeddings,
        labels=labels,
        scorer=recommender_scorer(*model) if model else None,
        settings=settings,
        seed=seed,
        outputs=outputs,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
