r"""Say what a run will take before it is started: jobs, hours, disk and money of every stage.

Prints a table. Of an earlier run, --benchmarks takes the recorded times. --settings replaces assumptions: gpu (T4,
V100, A100, H100, ...), training_utilisation, generation_utilisation, cpu_flops, start_seconds.

Run as:
    python workflow/scripts/plan.py --config config/config.yaml config/demo.yaml --benchmarks results/demo/benchmarks
    python workflow/scripts/plan.py --config-json "$CONFIG_AS_JSON" --settings '{"gpu": "H100"}' --output plan.csv
"""

from recexplainer import cli


def main(args) -> None:
    from recexplainer.planning.plan import as_text, merged, plan, write_plan

    config = args.config_json or merged(args.config, args.schema)
    rows = plan(config, args.benchmarks, args.settings)
    print(as_text(config, rows, args.benchmarks, args.settings))
    if args.output:
        write_plan(rows, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    config = parser.add_mutually_exclusive_group(required=True)
    config.add_argument("--config-json", type=cli.settings, help="JSON: the merged and checked config")
    config.add_argument("--config", nargs="+", help="config files, each laid over the one before it")
    parser.add_argument("--schema", default="config/schema.yaml", help="what --config is checked against")
    parser.add_argument("--benchmarks", help="folder of an earlier run's benchmark files")
    parser.add_argument("--settings", type=cli.settings, default={}, help="JSON: assumptions that differ")
    parser.add_argument("--output", help="CSV to write")
    cli.run(main, parser)
