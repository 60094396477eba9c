"""Let a service rate the explanations of all systems.

Run as: python workflow/scripts/judge.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --prompts config/prompts/explanation.yaml --judge gpt-4
    --service '{"base_url": ..., "model": ..., ...}' --settings '{"judge_max_tokens": 16, "max_usd": 50}' --seed 1
    --store results/answers/judgements/games.gpt-4.jsonl --output results/judgements/games/gpt-4.parquet
The API key is read from the environment variable that the service's key_variable names.
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.judgement.judge import judge_by_service

    cli.check_paired(args, "explanations", "systems")
    judge_by_service(
        args.cases,
        args.explanations,
        args.systems,
        args.prompts,
        args.judge,
        args.service,
        args.settings,
        args.seed,
        args.store,
        args.output,
        args.ledger,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--explanations", nargs="+", required=True, help="Parquet files, one per system")
    parser.add_argument("--systems", nargs="+", required=True, help="the systems' names, in the same order")
    parser.add_argument("--prompts", required=True, help="YAML file of the explanations' prompts")
    parser.add_argument("--judge", required=True, help="the judge's name")
    parser.add_argument("--service", type=cli.settings, required=True, help="the service's part of the config, JSON")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: judge_max_tokens, max_usd")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--store", required=True, help="file of the service's answers, kept between runs")
    parser.add_argument("--ledger", help="file in which the run counts what it spends; default: beside the store")
    parser.add_argument("--output", required=True, help="Parquet to write")
    cli.run(main, parser)
