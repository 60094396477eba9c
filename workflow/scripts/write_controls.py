r"""Write the controls of a dataset: texts that explain nothing, beside which the explanations are measured.

Run as:
    python workflow/scripts/write_controls.py --cases cases.parquet \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --systems base hybrid-full --items items.parquet --controls control-newest control-shuffled --seed 2024 \
        --outputs explanations/games/control-newest.parquet explanations/games/control-shuffled.parquet
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Seed, check_paired


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    explanations: Annotated[list[str], "Parquet files, one per system"],
    systems: Annotated[list[str], "their names, in the same order"],
    items: Annotated[str, "the data stage's items.parquet"],
    controls: Annotated[list[str], "names of the controls"],
    seed: Seed,
    outputs: Annotated[list[str], "Parquet files to write, one per control"],
) -> None:
    from recexplainer.faithfulness.controls import write_controls

    check_paired(explanations=explanations, systems=systems)
    check_paired(controls=controls, outputs=outputs)
    write_controls(
        cases=cases,
        explanations=explanations,
        systems=systems,
        items=items,
        controls=controls,
        seed=seed,
        outputs=outputs,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
