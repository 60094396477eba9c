r"""Count the samples of each task, beside the expected numbers and the paper's: table 4.

Run as:
    python workflow/scripts/table4.py --datasets games steam \
        --train games/hybrid/train.parquet steam/hybrid/train.parquet \
        --test games/hybrid/test.parquet steam/hybrid/test.parquet \
        --sharegpt-train sharegpt/train.parquet --sharegpt-test sharegpt/test.parquet \
        --sizes table1.csv --numbers config/paper_numbers.csv \
        --settings '{"classification_test_share": 0.3, "sharegpt": {"train": 10000, "test": 1000}, "generated": []}' \
        --output table4.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.paper.numbers import paper_counts, read_sizes
    from recexplainer.tables.table4 import table4

    cli.check_paired(args, "datasets", "train", "test")
    table4(
        args.datasets,
        {"train": args.train, "test": args.test},
        {"train": args.sharegpt_train, "test": args.sharegpt_test},
        read_sizes(args.sizes),
        paper_counts(args.numbers),
        args.settings,
        args.output,
        args.explanation,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--datasets", nargs="+", required=True, help="names, in the order of the columns")
    parser.add_argument("--train", nargs="+", required=True, help="training samples, one file per dataset")
    parser.add_argument("--test", nargs="+", required=True, help="test samples, one file per dataset")
    parser.add_argument("--sharegpt-train", required=True, help="conversations to train on")
    parser.add_argument("--sharegpt-test", required=True, help="conversations to test")
    parser.add_argument("--explanation", nargs="*", help="samples of the seventh task, one file per dataset")
    parser.add_argument("--sizes", required=True, help="our table 1")
    parser.add_argument("--numbers", required=True, help="the paper's numbers")
    parser.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: classification_test_share, sharegpt, generated"
    )
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
