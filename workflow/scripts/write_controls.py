r"""Write the controls of a dataset: texts that explain nothing, beside which the explanations are measured.

Run as:
    python workflow/scripts/write_controls.py --cases cases.parquet \
        --explanations explanations/games/base.parquet explanations/games/hybrid-full.parquet \
        --systems base hybrid-full --items items.parquet --controls control-newest control-shuffled --seed 2024 \
        --outputs explanations/games/control-newest.parquet explanations/games/control-shuffled.parquet
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.faithfulness.controls import write_controls

    cli.check_paired(args, "explanations", "systems")
    cli.check_paired(args, "controls", "outputs")
    write_controls(args.cases, args.explanations, args.systems, args.items, args.controls, args.seed, args.outputs)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--cases", required=True, help="cases.parquet")
    parser.add_argument("--explanations", nargs="+", required=True, help="Parquet files, one per system")
    parser.add_argument("--systems", nargs="+", required=True, help="their names, in the same order")
    parser.add_argument("--items", required=True, help="the data stage's items.parquet")
    parser.add_argument("--controls", nargs="+", required=True, help="names of the controls")
    parser.add_argument("--seed", type=cli.seed, required=True)
    parser.add_argument("--outputs", nargs="+", required=True, help="Parquet files to write, one per control")
    cli.run(main, parser)
