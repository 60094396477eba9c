r"""Count the samples of each task: table 4.

Run as:
    python workflow/scripts/table4.py --datasets games steam \
        --train games/hybrid/train.parquet steam/hybrid/train.parquet \
        --test games/hybrid/test.parquet steam/hybrid/test.parquet \
        --sharegpt-train sharegpt/train.parquet --sharegpt-test sharegpt/test.parquet --output table4.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tasks.table4 import table4

    sharegpt = {"train": args.sharegpt_train, "test": args.sharegpt_test}
    table4(args.datasets, {"train": args.train, "test": args.test}, sharegpt, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--datasets", nargs="+", required=True, help="names, in the order of the columns")
    parser.add_argument("--train", nargs="+", required=True, help="training samples, one file per dataset")
    parser.add_argument("--test", nargs="+", required=True, help="test samples, one file per dataset")
    parser.add_argument("--sharegpt-train", required=True, help="conversations to train on")
    parser.add_argument("--sharegpt-test", required=True, help="conversations to test")
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
