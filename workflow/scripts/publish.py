r"""Make the folder that is published out of a run: tables, texts, curves, times, and a page; nothing of the data set.

Of a run that is not finished, the page says which systems are there. With --readme its table is put into the README,
between the marks.

Run as:
    python workflow/scripts/publish.py --results results/pocket --config config/config.yaml config/pocket.yaml \
        --output docs/pocket --readme README.md
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.planning.plan import merged
    from recexplainer.publishing.publish import around_block, block_of, publish, write_block

    if args.readme:
        around_block(args.readme)  # without its marks, nothing is published either
    publish(args.results, merged(args.config, args.schema), args.output)
    if args.readme:
        write_block(args.readme, block_of(args.output))


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--results", required=True, help="folder of results")
    parser.add_argument("--config", nargs="+", required=True, help="config files, each laid over the one before it")
    parser.add_argument("--schema", default="config/schema.yaml", help="what the config is checked against")
    parser.add_argument("--output", required=True, help="folder to write; what is in it is replaced")
    parser.add_argument("--readme", help="README with the marks, to be changed in place")
    cli.run(main, parser)
