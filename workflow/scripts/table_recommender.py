r"""Put the recommenders' test metrics of all datasets into one table.

Run as:
    python workflow/scripts/table_recommender.py --metrics games/metrics.csv steam/metrics.csv \
        --datasets games steam --output recommender.csv
"""

import logging
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import check_paired

logger = logging.getLogger("table_recommender")


def main(
    *,
    metrics: Annotated[list[str], "metrics.csv of each dataset"],
    datasets: Annotated[list[str], "the datasets' names, in the same order"],
    output: Annotated[str, "CSV file to write"],
) -> None:
    from recexplainer.files import write_csv
    from recexplainer.recommender.evaluation import merge_metrics

    check_paired(metrics=metrics, datasets=datasets)
    write_csv(output, merge_metrics(metrics, datasets))
    logger.info("the recommenders' metrics are in %s", output)


if __name__ == "__main__":
    cli.run(main, __doc__)
