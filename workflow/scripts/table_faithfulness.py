r"""Compute the measures of faithfulness of every system, with intervals: faithfulness.csv.

Run as:
    python workflow/scripts/table_faithfulness.py \
        --records faithfulness/games/base.parquet faithfulness/games/hybrid-full.parquet \
        --rows '[["games", "base"], ["games", "hybrid-full"]]' \
        --settings '{"bootstrap": 1000, "names": {"base": "vicuna-7b", "hybrid-full": "hybrid"}}' --seed 2024 \
        --output faithfulness.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, Seed, check_paired, section


def main(
    *,
    records: Annotated[list[str], "Parquet files, one per system and dataset"],
    rows: Annotated[Pairs, "JSON: dataset and system of each"],
    settings: Annotated[Any, section("shown.Tabled"), "JSON: bootstrap, names"],
    seed: Seed,
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.faithfulness import faithfulness_table

    check_paired(records=records, rows=rows)
    faithfulness_table(records=records, rows=rows, settings=settings, seed=seed, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
