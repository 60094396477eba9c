r"""Set the paper's numbers and claims beside ours.

Run as:
    python workflow/scripts/paper_vs_ours.py --numbers config/paper_numbers.csv \
        --tables table1.csv table2.csv table3.csv table4.csv \
        --predictions predictions/games/random predictions/games/hybrid-full \
        --prediction-rows '[["games", "random"], ["games", "hybrid-full"]]' \
        --judgements judgements/games/systems/gpt-4.parquet --judgement-rows '[["games", "gpt-4"]]' \
        --records faithfulness/games/hybrid-full.parquet --record-rows '[["games", "hybrid-full"]]' \
        --human human.csv --controllability controllability.csv \
        --settings '{"judge": "gpt-4", "generated": [], "others": [], "shown": {"games": "Games"},
            "synthetic": "", "coverage_counts": "once", "names": {"hybrid-full": "hybrid"}, "study": "games"}' \
        --seed 2024 --output paper_vs_ours.csv --claims claims.csv --page paper_vs_ours.html
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.paper.compare import paper_vs_ours
    from recexplainer.paper.verdicts import Sources

    for name in ("prediction", "judgement", "record"):
        cli.check_paired(args, f"{name}s", f"{name}_rows")
    judged: dict[str, list[str]] = {}
    for path, (dataset, judge) in zip(args.judgements, args.judgement_rows, strict=True):
        if judge == args.settings["judge"]:
            judged.setdefault(dataset, []).append(path)
    sources = Sources(
        predictions={tuple(row): path for path, row in zip(args.predictions, args.prediction_rows, strict=True)},
        judgements=judged,
        records={tuple(row): path for path, row in zip(args.records, args.record_rows, strict=True)},
        human=args.human,
        controllability=args.controllability,
    )
    tables = dict(zip("1234", args.tables, strict=True))
    outputs = (args.output, args.claims, args.page)
    paper_vs_ours(args.numbers, tables, sources, args.settings, args.seed, outputs)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--numbers", required=True, help="CSV of the paper's numbers")
    parser.add_argument("--tables", nargs=4, required=True, help="our CSV of tables 1, 2, 3 and 4")
    parser.add_argument("--predictions", nargs="*", default=[], help="folders, one per dataset and system")
    parser.add_argument("--prediction-rows", type=cli.pairs, default=[], help="JSON: dataset and system of each")
    parser.add_argument("--judgements", nargs="*", default=[], help="Parquet files, one per dataset and judge")
    parser.add_argument("--judgement-rows", type=cli.pairs, default=[], help="JSON: dataset and judge of each")
    parser.add_argument("--records", nargs="*", default=[], help="of faithfulness, one file per dataset and system")
    parser.add_argument("--record-rows", type=cli.pairs, default=[], help="JSON: dataset and system of each")
    parser.add_argument("--human", help="CSV of people's mean ratings; leave it out without a study")
    parser.add_argument("--controllability", help="CSV of decisions and texts under points of view, if there is one")
    parser.add_argument(
        "--settings",
        type=cli.settings,
        required=True,
        help="JSON: judge, generated, others, shown, synthetic, coverage_counts, names, study",
    )
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV of the numbers to write")
    parser.add_argument("--claims", required=True, help="CSV of the claims to write")
    parser.add_argument("--page", required=True, help="HTML to write")
    cli.run(main, parser)
