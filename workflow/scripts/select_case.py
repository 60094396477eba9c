r"""Choose the case that Figures 4 and 5 show, and write the choice and its rule as JSON.

Run as: python workflow/scripts/select_case.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet \
    --systems base hybrid-full --judgements rubric.parquet --settings '{"case": null, "system": "hybrid-full"}' \
    --output selected.json
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import check_paired, section


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    explanations: Annotated[list[str], "one file per system"],
    systems: Annotated[list[str], "their names, in the same order"],
    judgements: Annotated[str, "of the judge whose ratings decide"],
    settings: Annotated[Any, section("explanation.Selected"), "JSON: case (or null), system"],
    output: Annotated[str, "JSON to write"],
) -> None:
    from recexplainer.figures.select import select_case

    check_paired(explanations=explanations, systems=systems)
    select_case(
        cases=cases, explanations=explanations, systems=systems, judgements=judgements, settings=settings, output=output
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
