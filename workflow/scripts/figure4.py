r"""Show the selected case as every system explains it, with errors marked: Figure 4.

Run as: python workflow/scripts/figure4.py --cases cases.parquet --items items.parquet \
    --explanations base.parquet hybrid-full.parquet --systems base hybrid-full --judgements rubric.parquet \
    --selected selected.json --dataset games --page figure4.html --images figure4.svg figure4.png
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.figures.figure4 import figure4

    cli.check_paired(args, "explanations", "systems")
    figure4(
        args.cases,
        args.items,
        args.explanations,
        args.systems,
        args.judgements,
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
    arguments.add_argument("--explanations", nargs="+", required=True, help="one file per system")
    arguments.add_argument("--systems", nargs="+", required=True, help="their names, in the order of the figure")
    arguments.add_argument("--judgements", required=True, help="of the judge whose ratings are shown")
    arguments.add_argument("--selected", required=True, help="the choice of select_case.py")
    arguments.add_argument("--dataset", required=True, help="named in the heading")
    arguments.add_argument("--synthetic", default="", help="what of it is made up, in a sentence")
    arguments.add_argument("--page", required=True, help="HTML to write")
    arguments.add_argument("--images", nargs="+", required=True, help="images to write: .svg, .pdf or .png")
    cli.run(main, arguments)
