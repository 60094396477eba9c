"""Add up what the services' answers cost: spending.csv.

Run as: python workflow/scripts/spending.py --stores judge.games.gpt-4.jsonl judge.steam.gpt-4.jsonl
    --stages "judge games" "judge steam" --services gpt-4 gpt-4
    --settings '{"prices": {"gpt-4": {"input": 30, "output": 60}}}' --output spending.csv
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import check_paired, section


def main(
    *,
    stores: Annotated[Sequence[str], "files of stored answers (JSON lines)"] = (),
    stages: Annotated[Sequence[str], "of each store, what it was for"] = (),
    services: Annotated[Sequence[str], "of each store, the service that answered"] = (),
    settings: Annotated[Any, section("service.Prices"), "JSON: prices, of each service"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.service.cost import write_spending

    check_paired(stores=stores, stages=stages, services=services)
    write_spending(stores=stores, stages=stages, services=services, prices=settings.prices, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
