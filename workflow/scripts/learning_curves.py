r"""Draw SASRec's validation curves and the loss of each alignment.

Run as:
    python workflow/scripts/learning_curves.py --curves recommender/games/curve.csv --datasets games \
        --losses alignment/games/hybrid/full/loss.csv --runs '[["games", "hybrid", "full"]]' \
        --settings '{"names": {"games": "Amazon Video Games"}}' \
        --output learning_curves.csv --images learning_curves.svg learning_curves.pdf learning_curves.png
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Triples, check_paired, section


def main(
    *,
    curves: Annotated[Sequence[str], "curve.csv of SASRec, one per dataset"] = (),
    datasets: Annotated[Sequence[str], "the dataset of each"] = (),
    losses: Annotated[Sequence[str], "loss.csv of the alignments"] = (),
    runs: Annotated[Triples, "JSON: dataset, mode and ablation of each"] = (),
    settings: Annotated[Any, section("shown.Shown"), "JSON: names, synthetic"],
    output: Annotated[str, "CSV to write"],
    images: Annotated[list[str], "images to write: .svg, .pdf or .png"],
) -> None:
    from recexplainer.report.curves import learning_curves

    check_paired(curves=curves, datasets=datasets)
    check_paired(losses=losses, runs=runs)
    learning_curves(
        curves=curves, datasets=datasets, losses=losses, runs=runs, settings=settings, output=output, images=images
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
