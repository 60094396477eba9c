r"""Make the conversations of the demo, in ShareGPT's format.

Run as:
    python workflow/scripts/make_demo_conversations.py --settings '{"conversations": 600}' --seed 1 \
        --metadata results/demo/generated/games/metadata.gz results/demo/generated/steam/metadata.gz \
        --output results/demo/generated/sharegpt/conversations.json

The optional metadata lets a part of the conversations talk about the items; with a file of explanation prompts, some
explain why an item fits a history.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    settings: Annotated[Any, section("conversations.GeneratedConversations"), "JSON: how many, and of what"],
    seed: Annotated[Seed, "seed of all random choices"],
    metadata: Annotated[Sequence[str], "metadata of demo datasets, to talk about"] = (),
    explanation_prompts: Annotated[str | None, "YAML file; the conversations then answer its questions too"] = None,
    output: Annotated[str, "JSON to write"],
) -> None:
    from recexplainer.demo.conversations import make_conversations
    from recexplainer.demo.explanations import VIEWPOINTS
    from recexplainer.prompts.explanation import load_explanation_prompts

    questions = None
    if explanation_prompts:
        prompts = load_explanation_prompts(explanation_prompts)
        told = [name for name in prompts.viewpoints if name in VIEWPOINTS]
        questions = {name: prompts.question_from(name) for name in told} | {"": prompts.question}
    make_conversations(settings=settings, seed=seed, output=output, metadata=metadata, questions=questions)


if __name__ == "__main__":
    cli.run(main, __doc__)
