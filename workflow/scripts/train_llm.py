"""Train a small tokenizer and Llama from scratch and save them as a transformers folder.

Run as: python workflow/scripts/train_llm.py --items items.parquet --conversations conversations.parquet
    --prompts config/prompts/default.yaml --chat-template config/chat_templates/plain.jinja --settings '{...}'
    --seed 1 --output-dir results/llm/scratch
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section


def main(
    *,
    items: Annotated[list[str], "items.parquet of every dataset"],
    conversations: Annotated[str, "conversations.parquet"],
    prompts: Annotated[str, "YAML file of phrasings"],
    chat_template: Annotated[str, "a Jinja chat template"],
    settings: Annotated[Any, section("llm.SmallLlm"), "the llm.scratch section as JSON"],
    seed: Seed,
    output_dir: Annotated[str, "the transformers folder to write"],
    threads: int,
) -> None:
    import torch

    from recexplainer.llm.scratch import train_llm

    torch.set_num_threads(threads)
    train_llm(
        items=items,
        conversations=conversations,
        prompts=prompts,
        chat_template=chat_template,
        settings=settings,
        seed=seed,
        output_dir=output_dir,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
