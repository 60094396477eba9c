"""Merge the predictions that several jobs made of one system's test cases, in the order of the test file.

Run as: python workflow/scripts/merge_predictions.py --shards shards/games/hybrid-full/0 shards/games/hybrid-full/1
    --output-dir results/predictions/games/hybrid-full
"""

from recexplainer import cli


def main(args):
    from recexplainer.evaluation.shards import merge_predictions

    merge_predictions(args.shards, args.output_dir)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--shards", nargs="+", required=True, help="the folders of all shards")
    arguments.add_argument("--output-dir", required=True, help="folder for the predictions")
    cli.run(main, arguments)
