r"""Compute what the language model adds over surrogates that read the same: surrogates.csv.

Run as:
    python workflow/scripts/table_surrogates.py \
        --predictions predictions/games/linear_probe predictions/games/intention-full \
        --rows '[["games", "linear_probe"], ["games", "intention-full"]]' --settings '{"bootstrap": 1000}' \
        --seed 2024 --output surrogates.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, Seed, check_paired, section


def main(
    *,
    predictions: Annotated[list[str], "folders, one per system"],
    rows: Annotated[Pairs, "JSON: dataset and system of each folder"],
    settings: Annotated[Any, section("evaluation.Resampled"), "JSON: bootstrap"],
    seed: Seed,
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.surrogates import table_surrogates

    check_paired(predictions=predictions, rows=rows)
    table_surrogates(predictions=predictions, rows=rows, resamples=settings.bootstrap, seed=seed, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
