"""Keep the well-formed conversations of a ShareGPT-format file.

Run as: python workflow/scripts/parse_conversations.py --input conversations.json
    --max-broken-share 0.01 --output conversations.parquet --statistics statistics.json
"""

import logging
from typing import Annotated

from recexplainer import cli
from recexplainer.arguments import Share


def main(
    *,
    input: Annotated[str, "JSON array or JSON lines, plain or gzip"],
    max_broken_share: Annotated[Share, "share of entries that may be unreadable"],
    output: Annotated[str, "Parquet to write"],
    statistics: Annotated[str, "JSON to write: counts of what was kept and dropped"],
) -> None:
    from recexplainer.data.conversations import parse_conversations

    parse_conversations(source=input, max_broken_share=max_broken_share, output=output, statistics=statistics)
    logging.getLogger(__name__).info("written: %s", output)


if __name__ == "__main__":
    cli.run(main, __doc__)
