r"""Train SASRec with the hyperparameters of one trial of the random search and write its validation NDCG@10.

Run as:
    python workflow/scripts/tune_recommender.py --interactions interactions.parquet --items items.parquet \
        --settings '{"sasrec": {...}, "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": true}},
                     "validation": "second_last"}' \
        --trial 1 --seed 2024 --output trials/1.json
"""

import logging
from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import Count, Seed, section

logger = logging.getLogger("tune_recommender")


def main(
    *,
    interactions: Annotated[str, "the data stage's interactions.parquet"],
    items: Annotated[str, "the data stage's items.parquet"],
    settings: Annotated[Any, section("recommender.Trial"), "JSON: model, sasrec, space, validation"],
    trial: Annotated[Count, "0: the config's own values, above: a draw"],
    seed: Seed,
    output: Annotated[str, "JSON file to write"],
) -> None:
    from recexplainer.files import write_json
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import run_trial

    result = run_trial(load_histories(interactions, items), settings, trial, seed)
    write_json(output, result)
    logger.info("trial %d: validation NDCG@10 %.4f, in %s", trial, result["validation_ndcg10"], output)


if __name__ == "__main__":
    cli.run(main, __doc__)
