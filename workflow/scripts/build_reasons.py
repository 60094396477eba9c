r"""Write the training samples of the seventh task, explanation, of one dataset in one mode.

Run as:
    python workflow/scripts/build_reasons.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --model model.safetensors config.json --question config/prompts/explanation.yaml \
        --wording config/prompts/reasons.yaml \
        --settings '{"mode": "hybrid", "max_length": 9, "hybrid_forms": "combined", "samples": 1500}' \
        --seed 2024 --output explanation.parquet
"""

from recexplainer import cli

FILES = ("interactions", "items", "embeddings", "labels", "similar")


def main(args) -> None:
    import torch

    from recexplainer.recommender.scorer import recommender_scorer
    from recexplainer.tasks.explanation import build_explanations

    torch.set_num_threads(args.threads)
    build_explanations(
        {name: getattr(args, name) for name in FILES},
        recommender_scorer(*args.model),
        args.question,
        args.wording,
        args.settings,
        args.seed,
        args.output,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    for name in FILES:
        parser.add_argument(f"--{name}", required=True, help="as of build_tasks.py")
    parser.add_argument("--model", nargs=2, required=True, help="the recommender's model.safetensors and config.json")
    parser.add_argument("--question", required=True, help="YAML file with the question of explanations")
    parser.add_argument("--wording", required=True, help="YAML file of sentences")
    parser.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: mode, max_length, hybrid_forms, samples"
    )
    parser.add_argument("--seed", type=cli.seed, required=True, help="the same for all modes of a dataset")
    parser.add_argument("--output", required=True, help="Parquet file to write")
    cli.run(main, parser)
