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

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.controllability import controllability

    cli.check_paired(args, "explanations", "rows")
    cli.check_paired(args, "viewpoints", "viewpoint_rows")
    cli.check_paired(args, "cases", "run_names")
    cli.check_paired(args, "items", "run_names")
    controllability(
        args.run_names,
        args.cases,
        args.items,
        args.explanations,
        args.rows,
        args.viewpoints,
        args.viewpoint_rows,
        args.settings,
        args.output,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--run-names", nargs="+", required=True, help="the datasets")
    parser.add_argument("--cases", nargs="+", required=True, help="cases.parquet of each")
    parser.add_argument("--items", nargs="+", required=True, help="items.parquet of each")
    parser.add_argument("--explanations", nargs="+", required=True, help="without a point of view, one per row")
    parser.add_argument("--rows", type=cli.pairs, required=True, help="JSON: dataset and system of each")
    parser.add_argument("--viewpoints", nargs="+", required=True, help="from the points of view, one per row")
    parser.add_argument("--viewpoint-rows", type=cli.pairs, required=True, help="JSON: dataset and system of each")
    parser.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: viewpoints, viewpoint_cases, viewpoint_words"
    )
    parser.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, parser)
