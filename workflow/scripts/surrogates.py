r"""Write the predictions of the surrogates that are no LLM, a folder for each.

Run as:
    python workflow/scripts/surrogates.py --interactions interactions.parquet --items items.parquet \
        --embeddings embeddings.safetensors --labels labels.parquet --test tasks/games/behavior/test.parquet \
        --settings '{"max_length": 9}' --seed 2024 --output-dir results/predictions/games
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.evaluation.surrogates import predict_surrogates

    files = (args.interactions, args.items, args.embeddings, args.labels, args.test)
    predict_surrogates(*files, args.settings["max_length"], args.seed, args.output_dir)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--labels", required=True, help="the recommender's labels.parquet")
    parser.add_argument("--test", required=True, help="test samples of any mode")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: max_length")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output-dir", required=True, help="where the folders of predictions go")
    cli.run(main, parser)
