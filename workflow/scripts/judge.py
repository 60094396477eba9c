"""Let a service rate the explanations of all systems.

Run as: python workflow/scripts/judge.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --prompts config/prompts/explanation.yaml --judge gpt-4
    --service '{"base_url": ..., "model": ..., ...}' --settings '{"judge_max_tokens": 16, "max_usd": 50}' --seed 1
    --store results/answers/judgements/games.gpt-4.jsonl --output results/judgements/games/gpt-4.parquet
The API key is read from the environment variable that the service's key_variable names.
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, check_paired, section


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    explanations: Annotated[list[str], "Parquet files, one per system"],
    systems: Annotated[list[str], "the systems' names, in the same order"],
    prompts: Annotated[str, "YAML file of the explanations' prompts"],
    judge: Annotated[str, "the judge's name"],
    service: Annotated[Any, section("service.Service"), "the service's part of the config, JSON"],
    settings: Annotated[Any, section("explanation.Judging"), "JSON: judge_max_tokens, max_usd"],
    seed: Seed,
    store: Annotated[str, "file of the service's answers, kept between runs"],
    ledger: Annotated[str | None, "file in which the run counts what it spends; default: beside the store"] = None,
    output: Annotated[str, "Parquet to write"],
) -> None:
    from recexplainer.judgement.judge import judge_by_service

    check_paired(explanations=explanations, systems=systems)
    judge_by_service(
        cases=cases,
        explanations=explanations,
        systems=systems,
        prompts=prompts,
        judge=judge,
        service=service,
        settings=settings,
        seed=seed,
        store=store,
        output=output,
        ledger=ledger,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
