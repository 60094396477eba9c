"""What every program in ``workflow/scripts`` shares: arguments, threads, logging, one clear error line."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable

from recexplainer.errors import InputError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every program has: ``--threads``.

    Args:
        description: the program's docstring, shown by ``--help``.
    """
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    result.add_argument("--threads", type=int, default=1, help="number of CPU threads (default 1)")
    return result


def settings(text: str) -> dict:
    """Argument type of ``--settings``: a JSON object, the config values that the stage uses."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("expected a JSON object")
    return value


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Parse the arguments, limit threads, set up logging, and call ``main``.

    Heavy libraries are imported inside ``main``, after the thread limits are in the environment.
    An :class:`InputError` ends the program with one line and status 2.
    """
    args = arguments.parse_args()
    for name in THREAD_VARIABLES:
        os.environ[name] = str(args.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        main(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
