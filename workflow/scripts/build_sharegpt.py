r"""Sample conversations for training and test, and write them as samples.

Run as:
    python workflow/scripts/build_sharegpt.py --conversations conversations.parquet --llm results/llm/base.json \
        --settings '{"train": 10000, "test": 1000, "max_first_turn_tokens": 724}' \
        --seed 2024 --train train.parquet --test test.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tasks.sharegpt import build_sharegpt

    paths = {"train": args.train, "test": args.test}
    build_sharegpt(args.conversations, args.llm, args.settings, args.seed, paths)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--conversations", required=True, help="the data stage's conversations.parquet")
    parser.add_argument("--llm", required=True, help="the base LLM's manifest")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: train, test, max_first_turn_tokens")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--train", required=True, help="Parquet file to write")
    parser.add_argument("--test", required=True, help="Parquet file to write")
    cli.run(main, parser)
