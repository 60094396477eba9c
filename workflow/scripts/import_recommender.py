r"""Import a recommender from outside: check its embeddings or scores, label them, measure them on the test items.

Run as:
    python workflow/scripts/import_recommender.py --interactions interactions.parquet --items items.parquet \
        --given mine/embeddings.safetensors --settings '{"positive_share": 0.2, "negative_share": 0.5, "candidates": 5,
        "similar": 1, "batch_size": 1024, "bootstrap": 1000, "validation": "second_last", "name": "mine"}' \
        --seed 2024 --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet \
        --metrics metrics.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.files import write_csv, write_parquet, write_safetensors
    from recexplainer.recommender.external import import_recommender
    from recexplainer.recommender.histories import load_histories

    taken = import_recommender(args.given, load_histories(args.interactions, args.items), args.settings, args.seed)
    write_safetensors(args.embeddings, taken.embeddings)
    write_parquet(args.labels, taken.labels)
    write_parquet(args.similar, taken.similar)
    write_csv(args.metrics, taken.metrics)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--given", required=True, help="embeddings.safetensors or scores.safetensors")
    parser.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: labels, bootstrap, validation, name"
    )
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--embeddings", required=True, help="safetensors file to write")
    parser.add_argument("--labels", required=True, help="Parquet file to write: one row per prefix")
    parser.add_argument("--similar", required=True, help="Parquet file to write: one row per item")
    parser.add_argument("--metrics", required=True, help="CSV file to write")
    cli.run(main, parser)
