r"""Compute the mean rating of every system by every judge, and the agreement of the judges: table 3.

Run as:
    python workflow/scripts/table3.py \
        --judgements judgements/games/rubric.parquet --judgement-rows '[["games", "rubric"]]' \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --explanation-rows '[["games", "base"], ["games", "hybrid-full"]]' \
        --settings '{"bootstrap": 1000, "names": {"base": "vicuna-7b", "hybrid-full": "hybrid"}}' --seed 2024 \
        --output table3.csv --judges judges.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tables.table3 import table3

    cli.check_paired(args, "judgements", "judgement_rows")
    cli.check_paired(args, "explanations", "explanation_rows")
    table3(
        args.judgements,
        args.judgement_rows,
        args.explanations,
        args.explanation_rows,
        args.settings,
        args.seed,
        args.output,
        args.judges,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--judgements", nargs="+", required=True, help="Parquet files, one per judge and dataset")
    parser.add_argument("--judgement-rows", type=cli.pairs, required=True, help="JSON: dataset and judge of each")
    parser.add_argument("--explanations", nargs="+", required=True, help="Parquet files, one per system and dataset")
    parser.add_argument("--explanation-rows", type=cli.pairs, required=True, help="JSON: dataset and system of each")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: bootstrap, names")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV of the ratings to write")
    parser.add_argument("--judges", required=True, help="CSV of the judges' agreement to write")
    cli.run(main, parser)
