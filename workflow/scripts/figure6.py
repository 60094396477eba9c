r"""Compare the alignments that leave one training task out: Figure 6.

Run as:
    python workflow/scripts/figure6.py \
        --predictions predictions/movies/hybrid-full predictions/movies/hybrid-no_sharegpt \
        --rows '[["movies", "hybrid", "full"], ["movies", "hybrid", "no_sharegpt"]]' \
        --judgements judgements/movies/systems/gpt-4.parquet judgements/movies/ablations/gpt-4.parquet \
        --judgement-datasets movies movies \
        --settings '{"bootstrap": 1000, "coverage_counts": "once", "names": {"movies": "Movies and TV"}}' --seed 2024 \
        --output figure6.csv --images figure6.svg figure6.pdf figure6.png
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, Triples, check_paired, section


def main(
    *,
    predictions: Annotated[list[str], "folders, one per system"],
    rows: Annotated[Triples, "JSON: dataset, mode and ablation of each"],
    judgements: Annotated[Sequence[str], "Parquet files of one judge"] = (),
    judgement_datasets: Annotated[Sequence[str], "the dataset of each"] = (),
    settings: Annotated[Any, section("evaluation.Ablated"), "JSON: bootstrap, coverage_counts, names"],
    seed: Seed,
    output: Annotated[str, "CSV to write"],
    images: Annotated[list[str], "images to write: .svg, .pdf or .png"],
) -> None:
    from recexplainer.figures.figure6 import figure6

    check_paired(predictions=predictions, rows=rows)
    check_paired(judgements=judgements, judgement_datasets=judgement_datasets)
    figure6(
        predictions=predictions,
        rows=rows,
        judgements=judgements,
        judgement_datasets=judgement_datasets,
        settings=settings,
        seed=seed,
        output=output,
        images=images,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
