"""Make an ordinary folder of transformers out of one GGUF file.

Run as: python workflow/scripts/unpack_llm.py --input results/raw/llm/model.gguf --output-dir results/llm/base
"""

from typing import Annotated

from recexplainer import cli


def main(
    *,
    input: Annotated[str, "the GGUF file"],
    output_dir: Annotated[str, "the folder to write"],
) -> None:
    from recexplainer.llm.gguf_file import unpack_gguf

    unpack_gguf(input, output_dir)


if __name__ == "__main__":
    cli.run(main, __doc__)
