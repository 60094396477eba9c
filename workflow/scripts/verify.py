r"""Take every checksum of a record again, and say what differs. Exits with 1 if something does, or is missing.

Run as:
    python workflow/scripts/verify.py --provenance results/provenance.json
"""

import sys
from typing import Annotated

from recexplainer import cli


def main(
    *,
    provenance: Annotated[str, "the record, JSON"],
) -> None:
    from recexplainer.provenance.verify import verify

    if not verify(provenance):
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main, __doc__)
