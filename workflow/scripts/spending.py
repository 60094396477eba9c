"""Add up what the services' answers cost: spending.csv.

Run as: python workflow/scripts/spending.py --stores judge.games.gpt-4.jsonl judge.steam.gpt-4.jsonl
    --stages "judge games" "judge steam" --services gpt-4 gpt-4
    --settings '{"gpt-4": {"price": {"input": 30, "output": 60}}}' --output spending.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.service.cost import write_spending

    cli.check_paired(args, "stores", "stages", "services")
    write_spending(args.stores, args.stages, args.services, args.settings, args.output)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--stores", nargs="*", default=[], help="files of stored answers (JSON lines)")
    arguments.add_argument("--stages", nargs="*", default=[], help="of each store, what it was for")
    arguments.add_argument("--services", nargs="*", default=[], help="of each store, the service that answered")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="the services section as JSON")
    arguments.add_argument("--output", required=True, help="CSV to write")
    cli.run(main, arguments)
