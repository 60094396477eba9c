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

from recexplainer import cli


def main(args) -> None:
    from recexplainer.report.page import Files, write_report

    cli.check_paired(args, "explanations", "systems")
    files = Files(
        tables=args.tables,
        figures=args.figures,
        paper_vs_ours=args.paper_vs_ours,
        claims=args.claims,
        provenance=args.provenance,
        benchmarks=args.benchmarks,
        graph=args.graph,
        deviations=args.deviations,
        cases=args.cases,
        explanations=args.explanations,
        systems=args.systems,
        records=args.records,
        alignment=args.alignment,
        rating_pages=args.rating_pages,
        logs=args.logs,
    )
    write_report(files, args.settings, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: title, synthetic, names, about, rated_by, examples"
    )
    parser.add_argument("--tables", nargs="*", default=[], help="result tables: .csv, or typeset .html")
    parser.add_argument("--figures", nargs="*", default=[], help="figures: .svg or .png")
    parser.add_argument("--alignment", help="CSV of table 2, for the sentence at the top")
    parser.add_argument("--rating-pages", nargs="*", default=[], help="pages of the raters, to be linked")
    parser.add_argument("--logs", help="folder of the logs, to be linked")
    parser.add_argument("--paper-vs-ours", help="CSV, a row per number of the paper")
    parser.add_argument("--claims", help="CSV, a row per claim of the paper")
    parser.add_argument("--provenance", help="JSON: what was run and on what")
    parser.add_argument("--benchmarks", help="folder of Snakemake's benchmark files")
    parser.add_argument("--graph", help="JSON: [[from, to], ...], the edges between rules")
    parser.add_argument("--deviations", help="YAML: where this departs from the paper")
    parser.add_argument("--cases", help="cases.parquet of the dataset whose explanations are shown")
    parser.add_argument("--explanations", nargs="*", default=[], help="Parquet files, one per system")
    parser.add_argument("--systems", nargs="*", default=[], help="their names, in the same order")
    parser.add_argument("--records", nargs="*", default=[], help="their faithfulness: Parquet files, in the same order")
    parser.add_argument("--output", required=True, help="HTML to write")
    cli.run(main, parser)
