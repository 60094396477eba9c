r"""Count how often decisions stay and reasons follow the point of view that was asked for: controllability.csv.

Run as:
    python workflow/scripts/controllability.py --run-names games --cases cases.parquet --items items.parquet \
        --explanations hybrid-full.parquet control-copy.parquet \
        --rows '[["games", "hybrid-full"], ["games", "control-copy"]]' \
        --viewpoints viewpoints/hybrid-full.parquet --viewpoint-rows '[["games", "hybrid-full"]]' \
        --settings '{"viewpoints": ["platform", "genre"], "viewpoint_cases": 40, "viewpoint_words":
            {"platform": {"values": ["Xbox"], "fields": []}, "genre": {"values": [], "fields": ["tags"]}}}' \
        --output controllability.csv
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Pairs, check_paired, section


def main(
    *,
    run_names: Annotated[list[str], "the datasets"],
    cases: Annotated[list[str], "cases.parquet of each"],
    items: Annotated[list[str], "items.parquet of each"],
    explanations: Annotated[list[str], "without a point of view, one per row"],
    rows: Annotated[Pairs, "JSON: dataset and system of each"],
    viewpoints: Annotated[list[str], "from the points of view, one per row"],
    viewpoint_rows: Annotated[Pairs, "JSON: dataset and system of each"],
    settings: Annotated[Any, section("explanation.Controlled"), "JSON: viewpoints, viewpoint_cases, viewpoint_words"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.tables.controllability import controllability

    check_paired(explanations=explanations, rows=rows)
    check_paired(viewpoints=viewpoints, viewpoint_rows=viewpoint_rows)
    check_paired(cases=cases, run_names=run_names)
    check_paired(items=items, run_names=run_names)
    controllability(
        run_names=run_names,
        cases=cases,
        items=items,
        explanations=explanations,
        rows=rows,
        viewpoints=viewpoints,
        viewpoint_rows=viewpoint_rows,
        settings=settings,
        output=output,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
