"""Merge the predictions that several jobs made of one system's test cases, in the order of the test file.

Run as: python workflow/scripts/merge_predictions.py --shards shards/games/hybrid-full/0 shards/games/hybrid-full/1
    --output-dir results/predictions/games/hybrid-full
"""

from typing import Annotated

from recexplainer import cli


def main(
    *,
    shards: Annotated[list[str], "the folders of all shards"],
    output_dir: Annotated[str, "folder for the predictions"],
) -> None:
    from recexplainer.evaluation.shards import merge_predictions

    merge_predictions(shards, output_dir)


if __name__ == "__main__":
    cli.run(main, __doc__)
