r"""Choose the case that Figures 4 and 5 show, and write the choice and its rule as JSON.

Run as: python workflow/scripts/select_case.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet \
    --systems base hybrid-full --judgements rubric.parquet --settings '{"case": null, "system": "hybrid-full"}' \
    --output selected.json
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.figures.select import select_case

    cli.check_paired(args, "explanations", "systems")
    select_case(args.cases, args.explanations, args.systems, args.judgements, args.settings, args.output)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--cases", required=True, help="cases.parquet")
    arguments.add_argument("--explanations", nargs="+", required=True, help="one file per system")
    arguments.add_argument("--systems", nargs="+", required=True, help="their names, in the same order")
    arguments.add_argument("--judgements", required=True, help="of the judge whose ratings decide")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="JSON: case (or null), system")
    arguments.add_argument("--output", required=True, help="JSON to write")
    cli.run(main, arguments)
