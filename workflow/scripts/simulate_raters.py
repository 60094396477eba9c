"""Write ratings of simulated raters: a judge's ratings with noise, marked as simulated.

Run as: python workflow/scripts/simulate_raters.py --key results/study/key.json
    --judgements results/judgements/games/rubric.parquet --seed 1 --output-dir results/study/simulated
"""

from recexplainer import cli


def main(args):
    from recexplainer.study.simulate import simulate_raters

    simulate_raters(args.key, args.judgements, args.seed, args.output_dir)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--key", required=True, help="key.json of the study")
    arguments.add_argument("--judgements", required=True, help="the judge's Parquet file of the study's dataset")
    arguments.add_argument("--seed", type=cli.seed, required=True)
    arguments.add_argument("--output-dir", required=True, help="folder for one JSON file per rater")
    cli.run(main, arguments)
