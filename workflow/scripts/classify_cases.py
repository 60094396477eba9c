r"""Ask the base LLM and the aligned ones for their own Yes or No on the explained cases, by logits.

Run as:
    python workflow/scripts/classify_cases.py --llm results/llm/base.json \
        --systems '[["base", "behavior", null], ["hybrid-full", "hybrid", "results/alignment/games/hybrid/full"]]' \
        --cases cases.parquet --embeddings embeddings.safetensors --items items.parquet \
        --prompts config/prompts/default.yaml \
        --settings '{"context": 1024, "precision": "fp16", "batch_size": 64}' --seed 2024 \
        --output results/faithfulness/games/own_decisions.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.devices import claim

    claim(args.gpus)
    import torch

    from recexplainer.faithfulness.own_decisions import classify_cases

    torch.set_num_threads(args.threads)
    classify_cases(
        args.llm,
        args.chat_template,
        args.systems,
        args.cases,
        args.embeddings,
        args.items,
        args.prompts,
        args.settings,
        args.seed,
        args.output,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--llm", required=True, help="the base LLM's manifest")
    parser.add_argument("--chat-template", help="a Jinja chat template; default: the tokenizer's own")
    parser.add_argument(
        "--systems", type=cli.triples, required=True, help="JSON: name, form and alignment's folder (or null) of each"
    )
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--items", required=True, help="items.parquet")
    parser.add_argument("--prompts", required=True, help="YAML file of the tasks' phrasings")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: context, precision, batch_size")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="Parquet to write")
    parser.add_argument("--gpus", type=cli.count, help="GPUs of the job; 0: the CPU (default: what is there)")
    cli.run(main, parser)
