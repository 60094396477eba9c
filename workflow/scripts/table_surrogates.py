r"""Compute what the language model adds over surrogates that read the same: surrogates.csv.

Run as:
    python workflow/scripts/table_surrogates.py \
        --predictions predictions/games/linear_probe predictions/games/intention-full \
        --rows '[["games", "linear_probe"], ["games", "intention-full"]]' --settings '{"bootstrap": 1000}' \
        --seed 2024 --output surrogates.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.surrogates import table_surrogates

    cli.check_paired(args, "predictions", "rows")
    table_surrogates(args.predictions, args.rows, args.settings["bootstrap"], args.seed, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--predictions", nargs="+", required=True, help="folders, one per system")
    parser.add_argument("--rows", type=cli.pairs, required=True, help="JSON: dataset and system of each folder")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: bootstrap")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
