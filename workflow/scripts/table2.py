r"""Compute the metrics of every system, with confidence intervals: table 2.

Run as:
    python workflow/scripts/table2.py --predictions predictions/games/random predictions/games/hybrid-full \
        --rows '[["games", "random"], ["games", "hybrid"]]' \
        --settings '{"bootstrap": 1000, "coverage_counts": "once"}' --seed 2024 --output table2.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, Seed, check_paired, section


def main(
    *,
    predictions: Annotated[list[str], "folders, one per row of the table"],
    rows: Annotated[Pairs, "JSON: dataset and method of each row"],
    settings: Annotated[Any, section("evaluation.Measured"), "JSON: bootstrap, coverage_counts"],
    seed: Seed,
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.table2 import table2

    check_paired(predictions=predictions, rows=rows)
    table2(predictions=predictions, rows=rows, settings=settings, seed=seed, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
