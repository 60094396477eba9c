r"""Compute how well each LLM ranks candidate by candidate, beside its lists: pointwise.csv.

Run as:
    python workflow/scripts/table_pointwise.py --pointwise predictions/games/pointwise.parquet \
        --rankings predictions/games/hybrid-full/ranking.parquet --rows '[["games", "hybrid-full", "hybrid"]]' \
        --settings '{"bootstrap": 1000}' --seed 2024 --output pointwise.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, Triples, section


def main(
    *,
    pointwise: Annotated[list[str], "pointwise.parquet of each row's dataset"],
    rankings: Annotated[list[str], "ranking.parquet of each row's system"],
    rows: Annotated[Triples, "JSON: dataset, system and name of each row"],
    settings: Annotated[Any, section("evaluation.Resampled"), "JSON: bootstrap"],
    seed: Seed,
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.pointwise import table_pointwise

    table_pointwise(pointwise=pointwise, rankings=rankings, rows=rows, settings=settings, seed=seed, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
