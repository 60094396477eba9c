r"""Write a trained recommender's embeddings and labels, the only files that later stages read.

Run as:
    python workflow/scripts/export_recommender.py --interactions interactions.parquet --items items.parquet \
        --model model.safetensors --config config.json \
        --settings '{"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 1024}' \
        --seed 2024 --embeddings embeddings.safetensors --labels labels.parquet --similar similar.parquet
"""

import logging

from recexplainer import cli

logger = logging.getLogger("export_recommender")


def main(args) -> None:
    from recexplainer.files import write_parquet, write_safetensors
    from recexplainer.recommender.export import export
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import load_model

    histories = load_histories(args.interactions, args.items)
    model = load_model(args.model, args.config)
    embeddings, labels, similar = export(model, histories, args.settings, args.seed)
    write_safetensors(args.embeddings, embeddings)
    write_parquet(args.labels, labels)
    write_parquet(args.similar, similar)
    logger.info("the export is in %s, %s and %s", args.embeddings, args.labels, args.similar)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--model", required=True, help="the recommender's model.safetensors")
    parser.add_argument("--config", required=True, help="the recommender's config.json")
    parser.add_argument(
        "--settings",
        type=cli.settings,
        required=True,
        help="JSON: positive_share, negative_share, candidates, similar, batch_size",
    )
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--embeddings", required=True, help="safetensors file to write")
    parser.add_argument("--labels", required=True, help="Parquet file to write: one row per prefix")
    parser.add_argument("--similar", required=True, help="Parquet file to write: one row per item")
    cli.run(main, parser)
