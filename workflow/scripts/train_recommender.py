r"""Train SASRec with the best trial's hyperparameters and measure it on the test items.

Run as:
    python workflow/scripts/train_recommender.py --interactions interactions.parquet --items items.parquet \
        --trials trials/0.json trials/1.json --settings '{"validation": "second_last", "bootstrap": 1000}' \
        --seed 2024 --model model.safetensors --config config.json --curve curve.csv --metrics metrics.csv
"""

import logging
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Seed, section

logger = logging.getLogger("train_recommender")


def main(
    *,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    trials: Annotated[list[str], "the JSON files of the random search"],
    settings: Annotated[Any, section("recommender.Training"), "JSON: model, validation, bootstrap"],
    seed: Seed,
    model: Annotated[str, "safetensors file to write"],
    config: Annotated[str, "JSON file to write: all that rebuilds the model"],
    curve: Annotated[str, "CSV file to write: one row per epoch"],
    metrics: Annotated[str, "CSV file to write: one row per model"],
) -> None:
    from recexplainer.files import write_csv, write_json, write_safetensors
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import train_best

    best = train_best(load_histories(interactions, items), trials, settings, seed)
    write_safetensors(model, best.weights)
    write_json(config, best.config)
    write_csv(curve, best.curve)
    write_csv(metrics, best.metrics)
    logger.info("the recommender is in %s, its metrics are in %s", model, metrics)


if __name__ == "__main__":
    cli.run(main, __doc__)
