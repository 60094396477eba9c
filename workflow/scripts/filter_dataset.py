"""Read the raw files of one data set, filter them, clean the titles, and write the tables.

Run as: python workflow/scripts/filter_dataset.py --reviews reviews --metadata metadata --seed 1
    --settings '{"format": "amazon", "fields": {...}, "filter": {...}}' --interactions interactions.parquet
    --items items.parquet --users users.parquet --statistics statistics.json --search search.csv
"""

import logging

from recexplainer import cli


def main(args):
    from recexplainer.data.dataset import build_dataset, write_dataset

    dataset = build_dataset(args.reviews, args.metadata, args.settings, args.seed)
    write_dataset(dataset, args.interactions, args.items, args.users, args.statistics, args.search)
    logging.getLogger(__name__).info("written: %s and its neighbours", args.interactions)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--reviews", required=True, help="raw reviews")
    arguments.add_argument(
        "--metadata", required=True, help="raw metadata; the reviews themselves if they have the titles"
    )
    arguments.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: format, fields, filter; of tables also layout"
    )
    arguments.add_argument("--seed", type=cli.seed, required=True, help="seed of the sample of users")
    arguments.add_argument("--interactions", required=True, help="Parquet to write")
    arguments.add_argument("--items", required=True, help="Parquet to write")
    arguments.add_argument("--users", required=True, help="Parquet to write")
    arguments.add_argument("--statistics", required=True, help="JSON to write: counts of each step")
    arguments.add_argument("--search", required=True, help="CSV to write: one row per combination of limits")
    cli.run(main, arguments)
