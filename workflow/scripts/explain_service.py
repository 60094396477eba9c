"""Let a service explain the cases, asked in words.

Run as: python workflow/scripts/explain_service.py --cases cases.parquet --items items.parquet
    --prompts config/prompts/explanation.yaml --service '{"base_url": ..., "model": ..., ...}'
    --settings '{"max_tokens": 500, "max_usd": 50}' --store results/answers/explanations/games.chatgpt.jsonl
    --output results/explanations/games/chatgpt.parquet
The API key is read from the environment variable that the service's key_variable names.
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import section


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    items: Annotated[str, "items.parquet"],
    prompts: Annotated[str, "YAML file of the explanations' prompts"],
    service: Annotated[Any, section("service.Service"), "the service's part of the config, JSON"],
    settings: Annotated[Any, section("explanation.Asking"), "JSON: max_tokens, max_usd"],
    store: Annotated[str, "file of the service's answers, kept between runs"],
    ledger: Annotated[str | None, "file in which the run counts what it spends; default: beside the store"] = None,
    output: Annotated[str, "Parquet to write"],
) -> None:
    from recexplainer.explanation.explain_service import explain_by_service

    explain_by_service(
        cases=cases,
        items=items,
        prompts=prompts,
        service=service,
        settings=settings,
        store=store,
        output=output,
        ledger=ledger,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
