r"""Take every checksum of a record again, and say what differs. Exits with 1 if something does, or is missing.

Run as:
    python workflow/scripts/verify.py --provenance results/provenance.json
"""

import sys

from recexplainer import cli


def main(args) -> None:
    from recexplainer.provenance.verify import verify

    if not verify(args.provenance):
        sys.exit(1)


if __name__ == "__main__":
    parser = cli.parser(__doc__)
    parser.add_argument("--provenance", required=True, help="the record, JSON")
    cli.run(main, parser)
