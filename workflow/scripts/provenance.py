r"""Record what the results were made of: code, config, machine, model, data, and a checksum of every file.

Run as:
    python workflow/scripts/provenance.py --results results --config-json '{...}' --inputs config/prompts/default.yaml \
        --outputs results/tables/table2.csv results/predictions --output results/provenance.json
"""

from pathlib import Path

from recexplainer import cli

ROOT = Path(__file__).resolve().parents[2]


def main(args) -> None:
    from recexplainer.provenance.record import record

    record(args.results, args.config_json, args.inputs, args.outputs, ROOT, args.lock, args.output)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--results", required=True, help="the run's folder")
    parser.add_argument("--config-json", type=cli.settings, required=True, help="JSON: the merged config")
    parser.add_argument("--inputs", nargs="*", default=[], help="files or folders from outside the run")
    parser.add_argument("--outputs", nargs="+", required=True, help="files or folders that the run made")
    parser.add_argument("--lock", default=ROOT / "requirements.lock", help="the lock of packages")
    parser.add_argument("--output", required=True, help="JSON to write")
    cli.run(main, parser)
