r"""Show the selected case as one system explains it from several points of view: Figure 5.

Run as: python workflow/scripts/figure5.py --cases cases.parquet --items items.parquet --viewpoints viewpoints.parquet \
    --prompts config/prompts/explanation.yaml --selected selected.json --dataset games --page figure5.html \
    --images figure5.svg figure5.png
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.figures.figure5 import figure5

    figure5(
        args.cases,
        args.items,
        args.viewpoints,
        args.prompts,
        args.selected,
        args.dataset,
        args.page,
        args.images,
        args.synthetic,
    )


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--cases", required=True, help="cases.parquet")
    arguments.add_argument("--items", required=True, help="items.parquet")
    arguments.add_argument("--viewpoints", required=True, help="the system's explanations by point of view")
    arguments.add_argument("--prompts", required=True, help="YAML with the sentence of each point of view")
    arguments.add_argument("--selected", required=True, help="the choice of select_case.py")
    arguments.add_argument("--dataset", required=True, help="named in the heading")
    arguments.add_argument("--synthetic", default="", help="what of it is made up, in a sentence")
    arguments.add_argument("--page", required=True, help="HTML to write")
    arguments.add_argument("--images", nargs="+", required=True, help="images to write: .svg, .pdf or .png")
    cli.run(main, arguments)
