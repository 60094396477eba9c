r"""Compute the mean and standard deviation of every metric over alignments with different seeds.

Run as:
    python workflow/scripts/table_seeds.py --predictions predictions/games/hybrid-full predictions/games/hybrid-full.7 \
        --rows '[["games", "hybrid"], ["games", "hybrid"]]' --coverage-counts once \
        --output table_seeds.csv
"""

from typing import Annotated, Literal

from recexplainer import cli
from recexplainer.arguments import Pairs, check_paired


def main(
    *,
    predictions: Annotated[list[str], "folders, one per alignment"],
    rows: Annotated[Pairs, "JSON: dataset and method of each folder"],
    coverage_counts: Annotated[Literal["once", "repeat"], "how a title that an answer repeats is counted"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.seeds import table_seeds

    check_paired(predictions=predictions, rows=rows)
    table_seeds(predictions=predictions, rows=rows, coverage_counts=coverage_counts, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
