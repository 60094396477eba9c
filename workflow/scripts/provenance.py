r"""Record what the results were made of: code, config, machine, model, data, and a checksum of every file.

Run as:
    python workflow/scripts/provenance.py --results results --config-json '{...}' --inputs config/prompts/default.yaml \
        --outputs results/tables/table2.csv results/predictions --output results/provenance.json
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Object

ROOT = Path(__file__).resolve().parents[2]


def main(
    *,
    results: Annotated[str, "the run's folder"],
    config_json: Annotated[Object, "JSON: the merged config"],
    inputs: Annotated[Sequence[str], "files or folders from outside the run"] = (),
    outputs: Annotated[list[str], "files or folders that the run made"],
    lock: Annotated[str, "the lock of packages"] = str(ROOT / "requirements.lock"),
    output: Annotated[str, "JSON to write"],
) -> None:
    from recexplainer.provenance.record import record

    record(
        results=results, config=config_json, inputs=inputs, outputs=outputs, repository=ROOT, lock=lock, output=output
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
