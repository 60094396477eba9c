r"""Write the predictions of a statistical baseline.

Run as:
    python workflow/scripts/baselines.py --system popularity --interactions interactions.parquet \
        --items items.parquet --test tasks/games/hybrid/test.parquet --seed 2024 \
        --output-dir results/predictions/games/popularity
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.evaluation.baselines import predict_baseline

    predict_baseline(args.system, args.interactions, args.items, args.test, args.seed, args.output_dir)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--system", choices=["random", "popularity"], required=True)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--test", required=True, help="test samples of any mode")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output-dir", required=True, help="folder for the four files of predictions")
    cli.run(main, parser)
