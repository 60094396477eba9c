r"""Put the recommenders' test metrics of all datasets into one table.

Run as:
    python workflow/scripts/table_recommender.py --metrics games/metrics.csv steam/metrics.csv \
        --datasets games steam --output recommender.csv
"""

import logging

from recexplainer import cli

logger = logging.getLogger("table_recommender")


def main(args) -> None:
    from recexplainer.files import write_csv
    from recexplainer.recommender.evaluation import merge_metrics

    cli.check_paired(args, "metrics", "datasets")
    write_csv(args.output, merge_metrics(args.metrics, args.datasets))
    logger.info("the recommenders' metrics are in %s", args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.csv of each dataset")
    parser.add_argument("--datasets", nargs="+", required=True, help="the datasets' names, in the same order")
    parser.add_argument("--output", required=True, help="CSV file to write")
    cli.run(main, parser)
