r"""Show the selected case as every system explains it, with errors marked: Figure 4.

Run as: python workflow/scripts/figure4.py --cases cases.parquet --items items.parquet \
    --explanations base.parquet hybrid-full.parquet --systems base hybrid-full --judgements rubric.parquet \
    --selected selected.json --dataset games --page figure4.html --images figure4.svg figure4.png
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import check_paired


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    items: Annotated[str, "items.parquet"],
    explanations: Annotated[list[str], "one file per system"],
    systems: Annotated[list[str], "their names, in the order of the figure"],
    judgements: Annotated[str, "of the judge whose ratings are shown"],
    selected: Annotated[str, "the choice of select_case.py"],
    dataset: Annotated[str, "named in the heading"],
    synthetic: Annotated[str, "what of it is made up, in a sentence"] = "",
    page: Annotated[str, "HTML to write"],
    images: Annotated[list[str], "images to write: .svg, .pdf or .png"],
) -> None:
    from recexplainer.figures.figure4 import figure4

    check_paired(explanations=explanations, systems=systems)
    figure4(
        cases=cases,
        items=items,
        explanations=explanations,
        systems=systems,
        judgements=judgements,
        selected=selected,
        dataset=dataset,
        page=page,
        images=images,
        synthetic=synthetic,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
