"""Get one raw file: from a local path if it is there, else from the first mirror that has it.

Run as: python workflow/scripts/download.py --name games/reviews --output results/raw/games/reviews
    --settings '{"sources": [{"path": "data/Video_Games_5.json.gz"}, {"url": "https://..."}]}'
"""

from typing import Annotated, Any

from recexplainer import cli
from recexplainer.arguments import section


def main(
    *,
    name: Annotated[str, "what the file is, for messages"],
    settings: Annotated[Any, section("source.Listed"), "JSON object with the list 'sources'"],
    output: Annotated[str, "the file to write"],
) -> None:
    from recexplainer.data.download import download

    download(name=name, sources=settings.sources, output=output)


if __name__ == "__main__":
    cli.run(main, __doc__)
