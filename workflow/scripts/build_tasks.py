r"""Write the training and test samples of one dataset in one mode.

Run as:
    python workflow/scripts/build_tasks.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --prompts config/prompts/default.yaml \
        --settings '{"mode": "hybrid", "max_length": 9, "hybrid_forms": "combined",
                     "discrimination_fields": "all", "classification_test_share": 0.3, "description_words": 60}' \
        --seed 2024 --train train.parquet --test test.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.tasks.build import build_tasks

    build_tasks(
        args.interactions,
        args.items,
        args.embeddings,
        args.labels,
        args.similar,
        args.prompts,
        args.settings,
        args.seed,
        {"train": args.train, "test": args.test},
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--labels", required=True, help="the recommender's labels.parquet")
    parser.add_argument("--similar", required=True, help="the recommender's similar.parquet")
    parser.add_argument("--prompts", required=True, help="YAML file of phrasings")
    parser.add_argument(
        "--settings",
        type=cli.settings,
        required=True,
        help="JSON: mode, max_length, hybrid_forms, discrimination_fields, classification_test_share, "
        "description_words",
    )
    parser.add_argument("--seed", type=cli.seed, required=True, help="the same for all modes of a dataset")
    parser.add_argument("--train", required=True, help="Parquet file to write")
    parser.add_argument("--test", required=True, help="Parquet file to write")
    cli.run(main, parser)
