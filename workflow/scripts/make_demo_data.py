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

from collections.abc import Sequence
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Seed, Settings
from recexplainer.errors import InputError


def main(
    *,
    settings: Annotated[Settings, "JSON object: format and sizes"],
    seed: Annotated[Seed, "seed of all random choices"],
    reviews: Annotated[str | None, "output: a dataset's reviews (gzip)"] = None,
    metadata: Annotated[Sequence[str], "a dataset's metadata (output), or for talk (input)"] = (),
    conversations: Annotated[str | None, "output: the conversations (JSON)"] = None,
    explanation_prompts: Annotated[str | None, "YAML file; the conversations then answer its questions too"] = None,
) -> None:
    """Make the dataset or the conversations, by the ``format`` of the settings."""
    from recexplainer.demo.conversations import make_conversations
    from recexplainer.demo.dataset import make_dataset
    from recexplainer.prompts.explanation import load_explanation_prompts

    if settings.get("format") == "sharegpt":
        if not conversations or reviews:
            raise InputError("format sharegpt writes one file; give --conversations FILE and no --reviews.")
        questions = None
        if explanation_prompts:
            prompts = load_explanation_prompts(explanation_prompts)
            questions = {name: prompts.question_from(name) for name in prompts.viewpoints} | {"": prompts.question}
        make_conversations(
            settings=settings,
            seed=seed,
            output=conversations,
            metadata=metadata,
            questions=questions,
        )
        return
    if not reviews or len(metadata) != 1 or conversations:
        raise InputError("a dataset is two files; give --reviews FILE and --metadata FILE, and no --conversations.")
    make_dataset(settings=settings, seed=seed, reviews=reviews, metadata=metadata[0])


if __name__ == "__main__":
    cli.run(main, __doc__)
