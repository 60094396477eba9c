"""Write ratings of simulated raters: a judge's ratings with noise, marked as simulated.

Run as: python workflow/scripts/simulate_raters.py --key results/study/key.json
    --judgements results/judgements/games/rubric.parquet --seed 1 --output-dir results/study/simulated
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Seed


def main(
    *,
    key: Annotated[str, "key.json of the study"],
    judgements: Annotated[str, "the judge's Parquet file of the study's dataset"],
    seed: Seed,
    output_dir: Annotated[str, "folder for one JSON file per rater"],
) -> None:
    from recexplainer.study.simulate import simulate_raters

    simulate_raters(key=key, judgements=judgements, seed=seed, output_dir=output_dir)


if __name__ == "__main__":
    cli.run(main, __doc__)
