r"""Train SASRec with the best trial's hyperparameters and measure it on the test items.

Run as:
    python workflow/scripts/train_recommender.py --interactions interactions.parquet --items items.parquet \
        --trials trials/0.json trials/1.json --settings '{"validation": "second_last", "bootstrap": 1000}' \
        --seed 2024 --model model.safetensors --config config.json --curve curve.csv --metrics metrics.csv
"""

import logging

from recexplainer import cli

logger = logging.getLogger("train_recommender")


def main(args) -> None:
    from recexplainer.files import write_csv, write_json, write_safetensors
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import train_best

    best = train_best(load_histories(args.interactions, args.items), args.trials, args.settings, args.seed)
    write_safetensors(args.model, best.weights)
    write_json(args.config, best.config)
    write_csv(args.curve, best.curve)
    write_csv(args.metrics, best.metrics)
    logger.info("the recommender is in %s, its metrics are in %s", args.model, args.metrics)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--trials", nargs="+", required=True, help="the JSON files of the random search")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: validation, bootstrap")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--model", required=True, help="safetensors file to write")
    parser.add_argument("--config", required=True, help="JSON file to write: all that rebuilds the model")
    parser.add_argument("--curve", required=True, help="CSV file to write: one row per epoch")
    parser.add_argument("--metrics", required=True, help="CSV file to write: one row per model")
    cli.run(main, parser)
