r"""Show the selected case as one system explains it from several points of view: Figure 5.

Run as: python workflow/scripts/figure5.py --cases cases.parquet --items items.parquet --viewpoints viewpoints.parquet \
    --prompts config/prompts/explanation.yaml --selected selected.json --dataset games --page figure5.html \
    --images figure5.svg figure5.png
"""

from typing import Annotated

from recexplainer import cli


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    items: Annotated[str, "items.parquet"],
    viewpoints: Annotated[str, "the system's explanations by point of view"],
    prompts: Annotated[str, "YAML with the sentence of each point of view"],
    selected: Annotated[str, "the choice of select_case.py"],
    dataset: Annotated[str, "named in the heading"],
    synthetic: Annotated[str, "what of it is made up, in a sentence"] = "",
    page: Annotated[str, "HTML to write"],
    images: Annotated[list[str], "images to write: .svg, .pdf or .png"],
) -> None:
    from recexplainer.figures.figure5 import figure5

    figure5(
        cases=cases,
        items=items,
        viewpoints=viewpoints,
        prompts=prompts,
        selected=selected,
        dataset=dataset,
        page=page,
        images=images,
        synthetic=synthetic,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
