r"""Compute the mean rating of every system by every judge, and the agreement of the judges: table 3.

Run as:
    python workflow/scripts/table3.py \
        --judgements judgements/games/rubric.parquet --judgement-rows '[["games", "rubric"]]' \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --explanation-rows '[["games", "base"], ["games", "hybrid-full"]]' \
        --settings '{"bootstrap": 1000, "names": {"base": "vicuna-7b", "hybrid-full": "hybrid"}}' --seed 2024 \
        --output table3.csv --judges judges.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, Seed, check_paired, section


def main(
    *,
    judgements: Annotated[list[str], "Parquet files, one per judge and dataset"],
    judgement_rows: Annotated[Pairs, "JSON: dataset and judge of each"],
    explanations: Annotated[list[str], "Parquet files, one per system and dataset"],
    explanation_rows: Annotated[Pairs, "JSON: dataset and system of each"],
    settings: Annotated[Any, section("shown.Tabled"), "JSON: bootstrap, names"],
    seed: Seed,
    output: Annotated[str, "CSV of the ratings to write"],
    judges: Annotated[str, "CSV of the judges' agreement to write"],
) -> None:
    from recexplainer.tables.table3 import table3

    check_paired(judgements=judgements, judgement_rows=judgement_rows)
    check_paired(explanations=explanations, explanation_rows=explanation_rows)
    table3(
        judgements=judgements,
        judgement_rows=judgement_rows,
        explanations=explanations,
        explanation_rows=explanation_rows,
        settings=settings,
        seed=seed,
        output=output,
        judges=judges,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
