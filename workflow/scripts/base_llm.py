"""Resolve the base LLM (hub snapshot or local folder) and write its manifest.

Run as: python workflow/scripts/base_llm.py --settings '{"source": "folder", "folder": "models/vicuna"}'
    --output results/llm/base.json
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import section


def main(
    *,
    settings: Annotated[Any, section("llm.BaseLlm"), "JSON: source, folder, id, revision, quantization"],
    output: Annotated[str, "the manifest to write"],
) -> None:
    from recexplainer.config.llm import BaseLlm
    from recexplainer.llm.base import make_manifest

    base: BaseLlm = settings
    make_manifest(
        source=base.source,
        folder=base.folder,
        hub_id=base.id,
        revision=base.revision,
        output=output,
        quantization=base.quantization,
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
