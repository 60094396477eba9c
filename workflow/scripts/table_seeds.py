r"""Compute the mean and standard deviation of every metric over alignments with different seeds.

Run as:
    python workflow/scripts/table_seeds.py --predictions predictions/games/hybrid-full predictions/games/hybrid-full.7 \
        --rows '[["games", "hybrid"], ["games", "hybrid"]]' --settings '{"coverage_counts": "once"}' \
        --output table_seeds.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.seeds import table_seeds

    cli.check_paired(args, "predictions", "rows")
    table_seeds(args.predictions, args.rows, args.settings["coverage_counts"], args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--predictions", nargs="+", required=True, help="folders, one per alignment")
    parser.add_argument("--rows", type=cli.pairs, required=True, help="JSON: dataset and method of each folder")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: coverage_counts")
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
