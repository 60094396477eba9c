r"""Say what a run will take before it is started: jobs, hours, disk and money of every stage.

Prints a table. Of an earlier run, --benchmarks takes the recorded times. --settings replaces assumptions: gpu (T4,
V100, A100, H100, ...), training_utilisation, generation_utilisation, cpu_flops, start_seconds.

Run as:
    python workflow/scripts/plan.py --config config/config.yaml config/demo.yaml --benchmarks results/demo/benchmarks
    python workflow/scripts/plan.py --config-json "$CONFIG_AS_JSON" --settings '{"gpu": "H100"}' --output plan.csv
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Object, OneOf


def main(
    *,
    config_json: Annotated[Object | None, OneOf, "JSON: the merged config"] = None,
    config: Annotated[list[str] | None, OneOf, "config files, each laid over the one before it"] = None,
    schema: Annotated[str, "what the config is checked against"] = "config/schema.yaml",
    benchmarks: Annotated[str | None, "folder of an earlier run's benchmark files"] = None,
    settings: Annotated[Object | None, "JSON: assumptions that differ"] = None,
    output: Annotated[str | None, "CSV to write"] = None,
) -> None:
    from recexplainer.planning.plan import as_text, merged, plan, write_plan
    from recexplainer.settings import check

    if config_json is not None:
        check(config_json, schema)
    whole = config_json or merged(config or [], schema)
    rows = plan(whole, benchmarks, settings)
    print(as_text(whole, rows, benchmarks, settings))
    if output:
        write_plan(rows, output)


if __name__ == "__main__":
    cli.run(main, __doc__)
