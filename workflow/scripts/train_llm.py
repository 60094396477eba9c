"""Train a small tokenizer and Llama from scratch and save them as a transformers folder.

Run as: python workflow/scripts/train_llm.py --items items.parquet --conversations conversations.parquet
    --prompts config/prompts/default.yaml --chat-template config/chat_templates/plain.jinja --settings '{...}'
    --seed 1 --output-dir results/llm/scratch
"""

from recexplainer import cli


def main(args):
    import torch

    from recexplainer.llm.scratch import train_llm

    torch.set_num_threads(args.threads)
    train_llm(
        args.items,
        args.conversations,
        args.prompts,
        args.chat_template,
        args.settings,
        args.seed,
        args.output_dir,
    )


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--items", nargs="+", required=True, help="items.parquet of every dataset")
    arguments.add_argument("--conversations", required=True, help="conversations.parquet")
    arguments.add_argument("--prompts", required=True, help="YAML file of phrasings")
    arguments.add_argument("--chat-template", required=True, help="a Jinja chat template")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="the llm.scratch section as JSON")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--output-dir", required=True, help="the transformers folder to write")
    cli.run(main, arguments)
