"""Write the means of people's ratings, and how far raters and judges agree.

Run as: python workflow/scripts/table_human.py --key results/study/key.json --ratings results/study/ratings.parquet
    --judgements results/judgements/games/rubric.parquet --settings '{"bootstrap": 1000}' --seed 1
    --human human.csv --agreement human_agreement.csv
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    key: Annotated[str, "key.json of the study"],
    ratings: Annotated[str, "Parquet file of the ratings"],
    judgements: Annotated[Sequence[str], "the judges' Parquet files of the dataset"] = (),
    settings: Annotated[Any, section("shown.Tabled"), "JSON: bootstrap, names"],
    seed: Seed,
    human: Annotated[str, "CSV of the means"],
    agreement: Annotated[str, "CSV of the agreements"],
) -> None:
    from recexplainer.tables.human import table_human

    table_human(
        key=key,
        ratings=ratings,
        judgements=judgements,
        settings=settings,
        seed=seed,
        human=human,
        agreement=agreement,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
