"""Check the files that the raters sent back; write their means, agreement and comments, and figure 3.

Run as: python workflow/scripts/aggregate_ratings.py --key results/study/key.json --ratings a.json b.json c.json
    --judgements results/judgements/games/rubric.parquet --settings '{"bootstrap": 1000, "allow_incomplete": false}'
    --seed 1 --human human.csv --agreement human_agreement.csv --figures figure3.svg --figure-data figure3.csv
    --comments comments.json
"""

from recexplainer import cli


def main(args):
    from recexplainer.figures.figure3 import draw_figure3
    from recexplainer.tables.human import aggregate_ratings

    rated = aggregate_ratings(
        args.key,
        args.ratings,
        args.judgements,
        args.settings,
        args.seed,
        args.human,
        args.agreement,
        args.figure_data,
        args.comments,
    )
    for path in args.figures:
        draw_figure3(rated.shares, rated.means, rated.dataset, rated.raters, path, args.settings.get("synthetic", ""))


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--key", required=True, help="key.json of the study")
    arguments.add_argument("--ratings", nargs="+", required=True, help="the raters' files")
    arguments.add_argument("--judgements", nargs="*", default=[], help="the judges' Parquet files of the dataset")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="bootstrap, allow_incomplete as JSON")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--human", required=True, help="CSV of the means")
    arguments.add_argument("--agreement", required=True, help="CSV of the agreements")
    arguments.add_argument("--figures", nargs="+", required=True, help="figure 3, .svg, .pdf or .png")
    arguments.add_argument("--figure-data", required=True, help="CSV of the numbers in figure 3")
    arguments.add_argument("--comments", required=True, help="JSON of the raters' comments")
    cli.run(main, arguments)
