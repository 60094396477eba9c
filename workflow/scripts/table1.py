"""Table 1 of the paper: users, items, interactions and sparsity of each data set.

Run as: python workflow/scripts/table1.py --statistics games/statistics.json steam/statistics.json
    --datasets games steam --output table1.csv
"""

import logging
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import check_paired


def main(
    *,
    statistics: Annotated[list[str], "statistics.json of each data set"],
    datasets: Annotated[list[str], "names of the data sets, in the same order"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.files import write_csv
    from recexplainer.tables.table1 import table1

    check_paired(statistics=statistics, datasets=datasets)
    write_csv(output, table1(statistics, datasets))
    logging.getLogger(__name__).info("written: %s", output)


if __name__ == "__main__":
    cli.run(main, __doc__)
