"""Resolve the base LLM (hub snapshot or local folder) and write its manifest.

Run as: python workflow/scripts/base_llm.py --settings '{"source": "folder", "folder": "models/vicuna"}'
    --output results/llm/base.json
"""

from recexplainer import cli


def main(args):
    from recexplainer.llm.base import make_manifest

    llm = args.settings
    where = (llm["source"], llm.get("folder"), llm.get("id"), llm.get("revision"))
    make_manifest(*where, args.output, llm.get("quantization"))


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--settings", type=cli.settings, required=True, help="JSON: source, folder, id, revision, quantization"
    )
    arguments.add_argument("--output", required=True, help="the manifest to write")
    cli.run(main, arguments)
