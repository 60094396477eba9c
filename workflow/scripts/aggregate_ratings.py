"""Check the files that the raters sent back; write their means, agreement and comments, and figure 3.

Run as: python workflow/scripts/aggregate_ratings.py --key results/study/key.json --ratings a.json b.json c.json
    --judgements results/judgements/games/rubric.parquet --settings '{"bootstrap": 1000, "allow_incomplete": false}'
    --seed 1 --human human.csv --agreement human_agreement.csv --figures figure3.svg --figure-data figure3.csv
    --comments comments.json
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    key: Annotated[str, "key.json of the study"],
    ratings: Annotated[list[str], "the raters' files"],
    judgements: Annotated[Sequence[str], "the judges' Parquet files of the dataset"] = (),
    settings: Annotated[Any, section("explanation.Ratings"), "JSON: bootstrap, allow_incomplete, names, synthetic"],
    seed: Seed,
    human: Annotated[str, "CSV of the means"],
    agreement: Annotated[str, "CSV of the agreements"],
    figures: Annotated[list[str], "figure 3, .svg, .pdf or .png"],
    figure_data: Annotated[str, "CSV of the numbers in figure 3"],
    comments: Annotated[str, "JSON of the raters' comments"],
) -> None:
    from recexplainer.figures.figure3 import draw_figure3
    from recexplainer.tables.human import aggregate_ratings

    rated = aggregate_ratings(
        key=key,
        ratings=ratings,
        judgements=judgements,
        settings=settings,
        seed=seed,
        human=human,
        agreement=agreement,
        figure_data=figure_data,
        comments=comments,
    )
    for path in figures:
        draw_figure3(
            shares=rated.shares,
            means=rated.means,
            dataset=rated.dataset,
            raters=rated.raters,
            path=path,
            synthetic=settings.synthetic,
        )


if __name__ == "__main__":
    cli.run(main, __doc__)
