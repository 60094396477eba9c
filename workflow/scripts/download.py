"""Get one raw file: from a local path if it is there, else from the first mirror that has it.

Run as: python workflow/scripts/download.py --name games/reviews --output results/raw/games/reviews
    --settings '{"sources": [{"path": "data/Video_Games_5.json.gz"}, {"url": "https://..."}]}'
"""

from recexplainer import cli


def main(args):
    from recexplainer.data.download import download

    download(args.name, args.settings.get("sources"), args.output)


if __name__ == "__main__":
    arguments = cli.parser(__doc__)
    arguments.add_argument("--name", required=True, help="what the file is, for messages")
    arguments.add_argument("--settings", type=cli.settings, required=True, help="JSON object with the list 'sources'")
    arguments.add_argument("--output", required=True, help="the file to write")
    cli.run(main, arguments)
