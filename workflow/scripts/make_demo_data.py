"""Make the raw dumps of the demo: one dataset (reviews and metadata), or the conversations.

Run as:
    python workflow/scripts/make_demo_data.py --settings '{"format": "amazon", "users": 300, "items": 100}' --seed 1 \
        --reviews results/demo/generated/games/reviews.gz --metadata results/demo/generated/games/metadata.gz
    python workflow/scripts/make_demo_data.py --settings '{"format": "sharegpt", "conversations": 600}' --seed 1 \
        --conversations results/demo/generated/sharegpt/conversations.json \
        --metadata results/demo/generated/games/metadata.gz results/demo/generated/steam/metadata.gz

The optional metadata of the conversations lets a part of them talk about the items; with a file of explanation prompts,
some explain why an item fits a history.
"""

import argparse

from recexplainer.cli import parser, run, seed, settings
from recexplainer.errors import InputError


def main(args: argparse.Namespace) -> None:
    """Make the dataset or the conversations, by the ``format`` of the settings."""
    from recexplainer.demo.conversations import make_conversations
    from recexplainer.demo.dataset import make_dataset
    from recexplainer.prompts.explanation import load_explanation_prompts

    if args.settings.get("format") == "sharegpt":
        if not args.conversations or args.reviews:
            raise InputError("format sharegpt writes one file; give --conversations FILE and no --reviews.")
        questions = None
        if args.explanation_prompts:
            prompts = load_explanation_prompts(args.explanation_prompts)
            questions = {name: prompts.question_from(name) for name in prompts.viewpoints} | {"": prompts.question}
        make_conversations(args.settings, args.seed, args.conversations, args.metadata, questions)
        return
    if not args.reviews or len(args.metadata) != 1 or args.conversations:
        raise InputError("a dataset is two files; give --reviews FILE and --metadata FILE, and no --conversations.")
    make_dataset(args.settings, args.seed, args.reviews, args.metadata[0])


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--settings", type=settings, required=True, help="JSON object: format and sizes")
    arguments.add_argument("--seed", type=seed, required=True, help="seed of all random choices")
    arguments.add_argument("--reviews", help="output: a dataset's reviews (gzip)")
    arguments.add_argument(
        "--metadata", nargs="*", default=[], help="a dataset's metadata (output), or for talk (input)"
    )
    arguments.add_argument("--conversations", help="output: the conversations (JSON)")
    arguments.add_argument("--explanation-prompts", help="YAML file; the conversations then answer its questions too")
    run(main, arguments)
