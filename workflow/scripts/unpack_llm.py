"""Make an ordinary folder of transformers out of one GGUF file.

Run as: python workflow/scripts/unpack_llm.py --input results/raw/llm/model.gguf --output-dir results/llm/base
"""

from recexplainer import cli


def main(args):
    from recexplainer.llm.gguf_file import unpack_gguf

    unpack_gguf(args.input, args.output_dir)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--input", required=True, help="the GGUF file")
    arguments.add_argument("--output-dir", required=True, help="the folder to write")
    cli.run(main, arguments)
