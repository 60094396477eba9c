r"""Compute the metrics of every system, with confidence intervals: table 2.

Run as:
    python workflow/scripts/table2.py --predictions predictions/games/random predictions/games/hybrid-full \
        --rows '[["games", "random"], ["games", "hybrid"]]' \
        --settings '{"bootstrap": 1000, "coverage_counts": "once"}' --seed 2024 --output table2.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.table2 import table2

    cli.check_paired(args, "predictions", "rows")
    table2(args.predictions, args.rows, args.settings, args.seed, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--predictions", nargs="+", required=True, help="folders, one per row of the table")
    parser.add_argument("--rows", type=cli.pairs, required=True, help="JSON: dataset and method of each row")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: bootstrap, coverage_counts")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
