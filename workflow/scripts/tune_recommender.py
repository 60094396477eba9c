r"""Train SASRec with the hyperparameters of one trial of the random search and write its validation NDCG@10.

Run as:
    python workflow/scripts/tune_recommender.py --interactions interactions.parquet --items items.parquet \
        --settings '{"sasrec": {...}, "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": true}},
                     "validation": "second_last"}' \
        --trial 1 --seed 2024 --output trials/1.json
"""

import logging

from recexplainer import cli

logger = logging.getLogger("tune_recommender")


def main(args) -> None:
    from recexplainer.files import write_json
    from recexplainer.recommender.histories import load_histories
    from recexplainer.recommender.training import run_trial

    trial = run_trial(load_histories(args.interactions, args.items), args.settings, args.trial, args.seed)
    write_json(args.output, trial)
    logger.info("trial %d: validation NDCG@10 %.4f, in %s", args.trial, trial["validation_ndcg10"], args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: sasrec, space, validation")
    parser.add_argument("--trial", type=cli.count, required=True, help="0: the config's own values, above: a draw")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="JSON file to write")
    cli.run(main, parser)
