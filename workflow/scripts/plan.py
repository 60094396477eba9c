r"""Say what a run will take before it is started: jobs, hours, disk and US dollars per rule.

Run as:
    python workflow/scripts/plan.py --configfiles config/config.yaml config/demo.yaml --output plan.csv
    python workflow/scripts/plan.py --config-json '{...}' --settings '{"gpu": "A100"}' \
        --benchmarks results/benchmarks --provenance results/provenance.json
"""

from pathlib import Path

from recexplainer import cli

ROOT = Path(__file__).resolve().parents[2]


def main(args) -> None:
    from recexplainer.provenance.plan import merged, write_plan

    config = args.config_json if args.config_json is not None else merged(args.configfiles)
    schema = ROOT / "config" / "schema.yaml"
    write_plan(config, schema, args.settings, args.benchmarks, args.provenance, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    config = parser.add_mutually_exclusive_group(required=True)
    config.add_argument("--config-json", type=cli.settings, help="JSON: the merged config")
    config.add_argument("--configfiles", nargs="+", help="config files, each laid over those before it")
    parser.add_argument("--settings", type=cli.settings, default={}, help="JSON: other assumptions, such as gpu")
    parser.add_argument("--benchmarks", help="folder of an earlier run's benchmarks")
    parser.add_argument("--provenance", help="the earlier run's provenance.json, if its config was another one")
    parser.add_argument("--output", help="CSV to write")
    cli.run(main, parser)
