r"""Compare a run with a published one, number by number, with the errors of both samples.

Prints a line for every number that differs or is missing, then the verdict: identical, reproduced, incomplete or
differs. The status is 0 for the first two, 1 for the others, 2 for an error.

Run as:
    python workflow/scripts/compare_runs.py --run results/pocket --published docs/pocket --output comparison.csv
"""

import sys

from recexplainer import cli


def main(args) -> None:
    from recexplainer.comparison.compare import compare_runs, in_words
    from recexplainer.files import write_csv

    found = compare_runs(args.run, args.published)
    if args.output:
        write_csv(args.output, found.rows.round(6))
    print(in_words(found))
    sys.exit(0 if found.verdict in ("identical", "reproduced") else 1)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--run", required=True, help="folder of results of the run to be checked")
    parser.add_argument("--published", required=True, help="folder of results, or a published one")
    parser.add_argument("--output", help="CSV to write, one row per number")
    cli.run(main, parser)
