"""Add up what the services' answers cost: spending.csv.

Run as: python workflow/scripts/spending.py --stores judge.games.gpt-4.jsonl judge.steam.gpt-4.jsonl
    --stages "judge games" "judge steam" --services gpt-4 gpt-4
    --settings '{"gpt-4": {"price": {"input": 30, "output": 60}}}' --output spending.csv
"""

from collections.abc import Sequence
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Settings, check_paired


def main(
    *,
    stores: Annotated[Sequence[str], "files of stored answers (JSON lines)"] = (),
    stages: Annotated[Sequence[str], "of each store, what it was for"] = (),
    services: Annotated[Sequence[str], "of each store, the service that answered"] = (),
    settings: Annotated[Settings, "the services section as JSON"],
    output: Annotated[str, "CSV to write"],
) -> None:
    from recexplainer.service.cost import write_spending

    check_paired(stores=stores, stages=stages, services=services)
    write_spending(stores=stores, stages=stages, services=services, settings=settings, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
