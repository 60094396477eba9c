"""Draw the cases of the study with people, and write its key and one rating page per rater.

Run as: python workflow/scripts/draw_study.py --cases results/explanations/games/cases.parquet
    --items results/data/games/items.parquet --explanations base.parquet hybrid-full.parquet
    --systems base hybrid-full --prompts config/prompts/explanation.yaml
    --settings '{"dataset": "Games", "cases": 120, "raters": ["a", "b"]}'
    --seed 1 --output-dir results/study
"""

from recexplainer import cli


def main(args):
    from recexplainer.study.draw import draw_study

    cli.check_paired(args, "explanations", "systems")
    draw_study(
        args.cases,
        args.items,
        args.explanations,
        args.systems,
        args.prompts,
        args.settings,
        args.seed,
        args.output_dir,
    )


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--cases", required=True, help="cases.parquet of the dataset")
    arguments.add_argument("--items", required=True, help="items.parquet of the dataset")
    arguments.add_argument("--explanations", nargs="+", required=True, help="the texts, one Parquet file per system")
    arguments.add_argument("--systems", nargs="+", required=True, help="the name of each system, in the same order")
    arguments.add_argument("--prompts", required=True, help="YAML file with the levels")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="dataset, cases, raters as JSON")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--output-dir", required=True, help="folder for key.json and pages/")
    cli.run(main, arguments)
