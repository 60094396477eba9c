r"""Count the samples of each task, beside the expected numbers and the paper's: table 4.

Run as:
    python workflow/scripts/table4.py --datasets games steam \
        --train games/hybrid/train.parquet steam/hybrid/train.parquet \
        --test games/hybrid/test.parquet steam/hybrid/test.parquet \
        --sharegpt-train sharegpt/train.parquet --sharegpt-test sharegpt/test.parquet \
        --sizes table1.csv --numbers config/paper_numbers.csv \
        --settings '{"classification_test_share": 0.3, "sharegpt": {"train": 10000, "test": 1000}, "generated": []}' \
        --output table4.csv
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import check_paired, section


def main(
    *,
    datasets: Annotated[list[str], "names, in the order of the columns"],
    train: Annotated[list[str], "training samples, one file per dataset"],
    test: Annotated[list[str], "test samples, one file per dataset"],
    sharegpt_train: Annotated[str, "conversations to train on"],
    sharegpt_test: Annotated[str, "conversations to test"],
    explanation: Annotated[Sequence[str], "samples of the seventh task, one file per dataset"] = (),
    sizes: Annotated[str, "our table 1"],
    numbers: Annotated[str, "the paper's numbers"],
    settings: Annotated[Any, section("tasks.Counted"), "JSON: classification_test_share, sharegpt, generated"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.paper.numbers import paper_counts, read_sizes
    from recexplainer.tables.table4 import table4

    check_paired(datasets=datasets, train=train, test=test)
    table4(
        datasets=datasets,
        files={"train": train, "test": test},
        sharegpt={"train": sharegpt_train, "test": sharegpt_test},
        sizes=read_sizes(sizes),
        paper=paper_counts(numbers),
        settings=settings,
        output=output,
        explanation=explanation,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
