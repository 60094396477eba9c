"""Draw the cases of the study with people, and write its key and one rating page per rater.

Run as: python workflow/scripts/draw_study.py --cases results/explanations/games/cases.parquet
    --items results/data/games/items.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --prompts config/prompts/explanation.yaml
    --settings '{"dataset": "Games", "cases": 120, "raters": ["a", "b"]}'
    --seed 1 --output-dir results/study
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, check_paired, section


def main(
    *,
    cases: Annotated[str, "cases.parquet of the dataset"],
    items: Annotated[str, "items.parquet of the dataset"],
    explanations: Annotated[list[str], "the texts, one Parquet file per system"],
    systems: Annotated[list[str], "the name of each system, in the same order"],
    prompts: Annotated[str, "YAML file with the levels"],
    settings: Annotated[Any, section("explanation.DrawnStudy"), "dataset, cases, raters as JSON"],
    seed: Seed,
    output_dir: Annotated[str, "folder for key.json and pages/"],
) -> None:
    from recexplainer.study.draw import draw_study

    check_paired(explanations=explanations, systems=systems)
    draw_study(
        cases=cases,
        items=items,
        explanations=explanations,
        systems=systems,
        prompts=prompts,
        settings=settings,
        seed=seed,
        output_dir=output_dir,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
