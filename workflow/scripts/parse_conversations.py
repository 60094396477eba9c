"""Keep the well-formed conversations of a ShareGPT-format file.

Run as: python workflow/scripts/parse_conversations.py --input conversations.json
    --settings '{"max_broken_share": 0.01}' --output conversations.parquet --statistics statistics.json
"""

import logging

from recexplainer import cli


def main(args):
    from recexplainer.data.conversations import parse_conversations

    parse_conversations(args.input, args.settings.get("max_broken_share", 0.0), args.output, args.statistics)
    logging.getLogger(__name__).info("written: %s", args.output)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--input", required=True, help="JSON array or JSON lines, plain or gzip")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="JSON object: max_broken_share")
    arguments.add_argument("--output", required=True, help="Parquet to write")
    arguments.add_argument("--statistics", required=True, help="JSON to write: counts of what was kept and dropped")
    cli.run(main, arguments)
