r"""Compute the measures of faithfulness of every system, with intervals: faithfulness.csv.

Run as:
    python workflow/scripts/table_faithfulness.py \
        --records faithfulness/games/base.parquet faithfulness/games/hybrid-full.parquet \
        --rows '[["games", "base"], ["games", "hybrid-full"]]' \
        --settings '{"bootstrap": 1000, "names": {"base": "vicuna-7b", "hybrid-full": "hybrid"}}' --seed 2024 \
        --output faithfulness.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.faithfulness import faithfulness_table

    cli.check_paired(args, "records", "rows")
    faithfulness_table(args.records, args.rows, args.settings, args.seed, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--records", nargs="+", required=True, help="Parquet files, one per system and dataset")
    parser.add_argument("--rows", type=cli.pairs, required=True, help="JSON: dataset and system of each")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: bootstrap, names")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
