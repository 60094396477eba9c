"""Rate the explanations of all systems by the offline rubric.

Run as: python workflow/scripts/judge_rubric.py --cases cases.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --items items.parquet --output results/judgements/games/rubric.parquet
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import check_paired


def main(
    *,
    cases: Annotated[str, "cases.parquet"],
    explanations: Annotated[list[str], "Parquet files, one per system"],
    systems: Annotated[list[str], "the systems' names, in the same order"],
    items: Annotated[str, "items.parquet"],
    output: Annotated[str, "Parquet to write"],
) -> None:
    from recexplainer.judgement.rubric import judge_by_rubric

    check_paired(explanations=explanations, systems=systems)
    judge_by_rubric(cases=cases, explanations=explanations, systems=systems, items=items, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
