r"""Sample conversations for training and test, and write them as samples.

Run as:
    python workflow/scripts/build_sharegpt.py --conversations conversations.parquet --llm results/llm/base.json \
        --settings '{"train": 10000, "test": 1000, "max_first_turn_tokens": 724}' \
        --seed 2024 --train train.parquet --test test.parquet
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    conversations: Annotated[str, "the data stage's conversations.parquet"],
    llm: Annotated[str, "the base LLM's manifest"],
    settings: Annotated[Any, section("conversations.Drawn"), "JSON: train, test, max_first_turn_tokens"],
    seed: Seed,
    train: Annotated[str, "Parquet file to write"],
    test: Annotated[str, "Parquet file to write"],
) -> None:
    from recexplainer.tasks.sharegpt import build_sharegpt

    paths = {"train": train, "test": test}
    build_sharegpt(conversations=conversations, llm=llm, settings=settings, seed=seed, paths=paths)


if __name__ == "__main__":
    cli.run(main, __doc__)
