"""Draw how people rated the explanations of each system: Figure 3.

Run as: python workflow/scripts/figure3.py --key results/study/key.json --ratings results/study/ratings.parquet
    --settings '{"bootstrap": 1000}' --seed 1 --output figure3.csv --images figure3.svg figure3.pdf figure3.png
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    key: Annotated[str, "key.json of the study"],
    ratings: Annotated[str, "Parquet file of the ratings"],
    settings: Annotated[Any, section("evaluation.Resampled"), "JSON: bootstrap"],
    seed: Seed,
    synthetic: Annotated[str, "what of it is made up, in a sentence"] = "",
    output: Annotated[str, "CSV to write"],
    images: Annotated[list[str], "images to write: .svg, .pdf or .png"],
) -> None:
    from recexplainer.figures.figure3 import figure3

    figure3(key=key, ratings=ratings, settings=settings, seed=seed, synthetic=synthetic, output=output, images=images)


if __name__ == "__main__":
    cli.run(main, __doc__)
