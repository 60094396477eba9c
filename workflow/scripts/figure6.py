r"""Compare the alignments that leave one training task out: Figure 6.

Run as:
    python workflow/scripts/figure6.py \
        --predictions predictions/movies/hybrid-full predictions/movies/hybrid-no_sharegpt \
        --rows '[["movies", "hybrid", "full"], ["movies", "hybrid", "no_sharegpt"]]' \
        --judgements judgements/movies/systems/gpt-4.parquet judgements/movies/ablations/gpt-4.parquet \
        --judgement-datasets movies movies \
        --settings '{"bootstrap": 1000, "coverage_counts": "once", "names": {"movies": "Movies and TV"}}' --seed 2024 \
        --output figure6.csv --images figure6.svg figure6.pdf figure6.png
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.figures.figure6 import figure6

    cli.check_paired(args, "predictions", "rows")
    cli.check_paired(args, "judgements", "judgement_datasets")
    figure6(
        args.predictions,
        args.rows,
        args.judgements,
        args.judgement_datasets,
        args.settings,
        args.seed,
        args.output,
        args.images,
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--predictions", nargs="+", required=True, help="folders, one per system")
    parser.add_argument("--rows", type=cli.triples, required=True, help="JSON: dataset, mode and ablation of each")
    parser.add_argument("--judgements", nargs="*", default=[], help="Parquet files of one judge")
    parser.add_argument("--judgement-datasets", nargs="*", default=[], help="the dataset of each")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: bootstrap, coverage_counts, names")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--output", required=True, help="CSV to write")
    parser.add_argument("--images", nargs="+", required=True, help="images to write: .svg, .pdf or .png")
    cli.run(main, parser)
