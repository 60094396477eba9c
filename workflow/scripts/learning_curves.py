r"""Draw SASRec's validation curves and the loss of each alignment.

Run as:
    python workflow/scripts/learning_curves.py --curves recommender/games/curve.csv --datasets games \
        --losses alignment/games/hybrid/full/loss.csv --runs '[["games", "hybrid", "full"]]' \
        --settings '{"names": {"games": "Amazon Video Games"}}' \
        --output learning_curves.csv --images learning_curves.svg learning_curves.pdf learning_curves.png
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.report.curves import learning_curves

    cli.check_paired(args, "curves", "datasets")
    cli.check_paired(args, "losses", "runs")
    learning_curves(args.curves, args.datasets, args.losses, args.runs, args.settings, args.output, args.images)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--curves", nargs="*", default=[], help="curve.csv of SASRec, one per dataset")
    parser.add_argument("--datasets", nargs="*", default=[], help="the dataset of each")
    parser.add_argument("--losses", nargs="*", default=[], help="loss.csv of the alignments")
    parser.add_argument("--runs", type=cli.triples, default=[], help="JSON: dataset, mode and ablation of each")
    parser.add_argument("--settings", type=cli.settings, required=True, help="JSON: names")
    parser.add_argument("--output", required=True, help="CSV to write")
    parser.add_argument("--images", nargs="+", required=True, help="images to write: .svg, .pdf or .png")
    cli.run(main, parser)
