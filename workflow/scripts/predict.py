"""Predict the test cases of an aligned model, or of the base LLM: retrieval, ranking, classification, reconstruction.

Run as: python workflow/scripts/predict.py --llm results/llm/base.json --adapter results/alignment/games/hybrid/full
    --test test.parquet --embeddings embeddings.safetensors --items items.parquet --settings '{...}' --seed 1
    --output-dir results/predictions/games/hybrid-full
"""

from recexplainer import cli


def main(args):
    from recexplainer.devices import claim

    claim(args.gpus)
    import torch

    from recexplainer.evaluation.predict import predict

    torch.set_num_threads(args.threads)
    predict(
        args.llm,
        args.chat_template,
        args.adapter,
        args.test,
        args.embeddings,
        args.items,
        args.settings,
        args.seed,
        args.output_dir,
        *args.shard,
    )


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--llm", required=True, help="the base LLM's manifest")
    arguments.add_argument("--chat-template", help="a Jinja chat template; default: the tokenizer's own")
    arguments.add_argument("--adapter", help="the folder of an alignment; default: the base LLM alone")
    arguments.add_argument("--test", required=True, help="test.parquet of the mode")
    arguments.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    arguments.add_argument("--items", required=True, help="items.parquet")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="the evaluation section as JSON")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--output-dir", required=True, help="folder for the predictions")
    arguments.add_argument(
        "--shard", nargs=2, type=cli.count, default=[0, 1], metavar=("N", "OF"), help="which share of the cases, from 0"
    )
    arguments.add_argument("--gpus", type=cli.count, help="GPUs of the job; 0: the CPU (default: what is there)")
    cli.run(main, arguments)
