"""Resolve the base LLM (hub snapshot or local folder) and write its manifest.

Run as: python workflow/scripts/base_llm.py --settings '{"source": "folder", "folder": "models/vicuna"}'
    --output results/llm/base.json
"""

from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Settings


def main(
    *,
    settings: Annotated[Settings, "JSON: source, folder, id, revision, quantization"],
    output: Annotated[str, "the manifest to write"],
) -> None:
    from recexplainer.llm.base import make_manifest

    make_manifest(
        source=settings["source"],
        folder=settings.get("folder"),
        hub_id=settings.get("id"),
        revision=settings.get("revision"),
        output=output,
        quantization=settings.get("quantization"),
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
