r"""Write the report: one page with everything that a run has found.

Run as:
    python workflow/scripts/report.py \
        --settings '{"title": "Games with Vicuna", "synthetic": "", "names": {"games": "Amazon Video Games"},
            "about": [["Data", "Amazon Video Games"]], "rated_by": "people"}' \
        --tables tables/table1.csv tables/table2.html tables/spending.csv --figures figures/figure6.svg \
        --alignment tables/table2.csv --rating-pages study/pages/rater1.html --logs logs \
        --paper-vs-ours tables/paper_vs_ours.csv --claims tables/claims.csv --provenance provenance.json \
        --benchmarks benchmarks --graph graph.json --deviations config/deviations.yaml \
        --cases explanations/games/cases.parquet --explanations explanations/games/hybrid-full.parquet \
        --systems hybrid-full --records faithfulness/games/hybrid-full.parquet --output report.html
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import check_paired, section


def main(
    *,
    settings: Annotated[Any, section("shown.Page"), "JSON: title, synthetic, names, about, rated_by"],
    tables: Annotated[Sequence[str], "result tables: .csv, or typeset .html"] = (),
    figures: Annotated[Sequence[str], "figures: .svg or .png"] = (),
    alignment: Annotated[str | None, "CSV of table 2, for the sentence at the top"] = None,
    rating_pages: Annotated[Sequence[str], "pages of the raters, to be linked"] = (),
    logs: Annotated[str | None, "folder of the logs, to be linked"] = None,
    paper_vs_ours: Annotated[str | None, "CSV, a row per number of the paper"] = None,
    claims: Annotated[str | None, "CSV, a row per claim of the paper"] = None,
    provenance: Annotated[str | None, "JSON: what was run and on what"] = None,
    benchmarks: Annotated[str | None, "folder of Snakemake's benchmark files"] = None,
    graph: Annotated[str | None, "JSON: [[from, to], ...], the edges between rules"] = None,
    deviations: Annotated[str | None, "YAML: where this departs from the paper"] = None,
    cases: Annotated[str | None, "cases.parquet of the dataset whose explanations are shown"] = None,
    explanations: Annotated[Sequence[str], "Parquet files, one per system"] = (),
    systems: Annotated[Sequence[str], "their names, in the same order"] = (),
    records: Annotated[Sequence[str], "their faithfulness: Parquet files, in the same order"] = (),
    output: Annotated[str, "HTML to write"],
) -> None:
    from recexplainer.report.page import Files, write_report

    check_paired(explanations=explanations, systems=systems)
    files = Files(
        tables=tables,
        figures=figures,
        paper_vs_ours=paper_vs_ours,
        claims=claims,
        provenance=provenance,
        benchmarks=benchmarks,
        graph=graph,
        deviations=deviations,
        cases=cases,
        explanations=explanations,
        systems=systems,
        records=records,
        alignment=alignment,
        rating_pages=rating_pages,
        logs=logs,
    )
    write_report(files, settings, output)


if __name__ == "__main__":
    cli.run(main, __doc__)
