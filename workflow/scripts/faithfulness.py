r"""Measure how far the explanations of a dataset's systems can be trusted, case by case.

Run as:
    python workflow/scripts/faithfulness.py --cases cases.parquet \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --systems base hybrid-full --own-decisions own_decisions.parquet --interactions interactions.parquet \
        --items items.parquet --embeddings embeddings.safetensors --labels labels.parquet \
        --model model.safetensors config.json --settings '{"folds": 5, "draws": 200}' --seed 2024 \
        --outputs faithfulness/games/base.parquet faithfulness/games/hybrid-full.parquet
Without files of --model the recommender is not run again: the counterfactual measure stays empty.
"""

from recexplainer import cli


def main(args) -> None:
    import torch

    from recexplainer.faithfulness.measure import measure_faithfulness
    from recexplainer.recommender.scorer import recommender_scorer

    cli.check_paired(args, "explanations", "systems", "outputs")
    torch.set_num_threads(args.threads)
    measure_faithfulness(
        args.cases,
        args.explanations,
        args.systems,
        args.own_decisions,
        args.interactions,
        args.items,
        args.embeddings,
        args.labels,
        recommender_scorer(*args.model) if args.model else None,
        args.settings,
        args.seed,
        args.outputs,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--explanations", nargs="+", required=True, help="Parquet files, one per system")
    parser.add_argument("--systems", nargs="+", required=True, help="their names, in the same order")
    parser.add_argument("--own-decisions", help="Parquet: what the LLMs classify the cases as")
    parser.add_argument("--interactions", required=True, help="the data stage's interactions.parquet")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--embeddings", required=True, help="the recommender's embeddings.safetensors")
    parser.add_argument("--labels", required=True, help="the recommender's labels.parquet")
    parser.add_argument("--model", nargs="*", help="the recommender's model.safetensors and config.json")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: folds, draws")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--outputs", nargs="+", required=True, help="Parquet files to write, one per system")
    cli.run(main, parser)
