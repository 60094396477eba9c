"""Read the raw files of one data set, filter them, clean the titles, and write the tables.

Run as: python workflow/scripts/filter_dataset.py --reviews reviews --metadata metadata --seed 1
    --settings '{"format": "amazon", "fields": {...}, "filter": {...}}' --interactions interactions.parquet
    --items items.parquet --users users.parquet --statistics statistics.json --search search.csv
"""

import logging
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    reviews: Annotated[str, "raw reviews"],
    metadata: Annotated[str, "raw metadata; the reviews themselves if they have the titles"],
    settings: Annotated[Any, section("dataset.Read"), "JSON: format, fields, filter; of tables also layout"],
    seed: Annotated[Seed, "seed of the sample of users"],
    interactions: Annotated[str, "Parquet to write"],
    items: Annotated[str, "Parquet to write"],
    users: Annotated[str, "Parquet to write"],
    statistics: Annotated[str, "JSON to write: counts of each step"],
    search: Annotated[str, "CSV to write: one row per combination of limits"],
) -> None:
    from recexplainer.data.dataset import build_dataset, write_dataset

    dataset = build_dataset(reviews=reviews, metadata=metadata, settings=settings, seed=seed)
    write_dataset(
        dataset=dataset, interactions=interactions, items=items, users=users, statistics=statistics, search=search
    )
    logging.getLogger(__name__).info("written: %s and its neighbours", interactions)


if __name__ == "__main__":
    cli.run(main, __doc__)
