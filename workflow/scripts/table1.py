"""Table 1 of the paper: users, items, interactions and sparsity of each data set.

Run as: python workflow/scripts/table1.py --statistics games/statistics.json steam/statistics.json
    --datasets games steam --output table1.csv
"""

import logging

from recexplainer import cli


def main(args):
    from recexplainer.files import write_csv
    from recexplainer.tables.table1 import table1

    cli.check_paired(args, "statistics", "datasets")
    write_csv(args.output, table1(args.statistics, args.datasets))
    logging.getLogger(__name__).info("written: %s", args.output)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--statistics", nargs="+", required=True, help="statistics.json of each data set")
    arguments.add_argument("--datasets", nargs="+", required=True, help="names of the data sets, in the same order")
    arguments.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, arguments)
