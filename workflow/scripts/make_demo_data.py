r"""Make the raw dumps of a demo dataset: reviews and metadata.

Run as:
    python workflow/scripts/make_demo_data.py --settings '{"format": "amazon", "users": 300, "items": 100}' --seed 1 \
        --reviews results/demo/generated/games/reviews.gz --metadata results/demo/generated/games/metadata.gz
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    settings: Annotated[Any, section("dataset.Made"), "JSON: format and sizes"],
    seed: Annotated[Seed, "seed of all random choices"],
    reviews: Annotated[str, "reviews to write (gzip)"],
    metadata: Annotated[str, "metadata to write (gzip)"],
) -> None:
    from recexplainer.demo.dataset import make_dataset

    make_dataset(settings=settings, seed=seed, reviews=reviews, metadata=metadata)


if __name__ == "__main__":
    cli.run(main, __doc__)
