"""Rate the explanations of all systems by the offline rubric.

Run as: python workflow/scripts/judge_rubric.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --items items.parquet --output results/judgements/games/rubric.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.judgement.rubric import judge_by_rubric

    cli.check_paired(args, "explanations", "systems")
    judge_by_rubric(args.cases, args.explanations, args.systems, args.items, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--explanations", nargs="+", required=True, help="Parquet files, one per system")
    parser.add_argument("--systems", nargs="+", required=True, help="the systems' names, in the same order")
    parser.add_argument("--items", required=True, help="items.parquet")
    parser.add_argument("--output", required=True, help="Parquet to write")
    cli.run(main, parser)
