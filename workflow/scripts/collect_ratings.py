"""Check the files that the raters sent back, and write their ratings and comments.

Run as: python workflow/scripts/collect_ratings.py --key results/study/key.json --ratings a.json b.json c.json
    --settings '{"allow_incomplete": false}' --output ratings.parquet --comments comments.json
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import section


def main(
    *,
    key: Annotated[str, "key.json of the study"],
    ratings: Annotated[list[str], "the raters' files"],
    settings: Annotated[Any, section("explanation.Collected"), "JSON: allow_incomplete"],
    output: Annotated[str, "Parquet file of the ratings"],
    comments: Annotated[str, "JSON of the raters' comments"],
) -> None:
    from recexplainer.study.collect import collect_ratings

    collect_ratings(key=key, ratings=ratings, settings=settings, output=output, comments=comments)


if __name__ == "__main__":
    cli.run(main, __doc__)
