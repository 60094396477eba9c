"""Choose the cases to be explained: half of them items that the recommender rates high, half low.

Run as: python workflow/scripts/choose_cases.py --interactions interactions.parquet --items items.parquet
    --labels labels.parquet --embeddings embeddings.safetensors --settings '{"cases": 500, "max_length": 9}' --seed 1
    --output results/explanations/games/cases.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.explanation.cases import choose_cases

    choose_cases(args.interactions, args.items, args.labels, args.embeddings, args.settings, args.seed, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="interactions.parquet")
    parser.add_argument("--items", required=True, help="items.parquet")
    parser.add_argument("--labels", required=True, help="the recommender's labels.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: cases, max_length")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="Parquet to write")
    cli.run(main, parser)
