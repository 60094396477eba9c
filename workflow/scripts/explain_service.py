"""Let a service explain the cases, asked in words.

Run as: python workflow/scripts/explain_service.py --cases cases.parquet --items items.parquet
    --prompts config/prompts/explanation.yaml --service '{"base_url": ..., "model": ..., ...}'
    --settings '{"max_tokens": 500, "max_usd": 50}' --store results/answers/explanations/games.chatgpt.jsonl
    --output results/explanations/games/chatgpt.parquet
The API key is read from the environment variable that the service's key_variable names.
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.explanation.explain_service import explain_by_service

    explain_by_service(
        *(args.cases, args.items, args.prompts, args.service, args.settings, args.store, args.output, args.ledger)
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--items", required=True, help="items.parquet")
    parser.add_argument("--prompts", required=True, help="YAML file of the explanations' prompts")
    parser.add_argument("--service", type=cli.settings, required=True, help="the service's part of the config, JSON")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: max_tokens, max_usd")
    parser.add_argument("--store", required=True, help="file of the service's answers, kept between runs")
    parser.add_argument("--ledger", help="file in which the run counts what it spends; default: beside the store")
    parser.add_argument("--output", required=True, help="Parquet to write")
    cli.run(main, parser)
