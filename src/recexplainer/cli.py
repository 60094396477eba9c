"""What every program in ``workflow/scripts`` shares: arguments, threads, logging, one clear error line."""

import argparse
import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable

from recexplainer import place
from recexplainer.errors import InputError
from recexplainer.secrets import redact

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)

LACKS = {
    errno.ENOSPC: "Make room, or choose another folder (pathvars in the config).",
    errno.EDQUOT: "Make room, or choose another folder (pathvars in the config).",
    errno.EFBIG: "The limit of a file's size is too low (ulimit -f).",
    errno.EROFS: "Choose a folder that can be written to (pathvars in the config).",
    errno.EACCES: "Ask for the right to read and write there, or choose another folder (pathvars in the config).",
}
"""What to do about errors of the file system."""
AGAIN = "Then give the same command again: what is done is kept."


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
    An :class:`InputError`, and what the machine lacks (room, rights, memory), ends the program with one line and
    status 2.
    """
    args = arguments.parse_args()
    for name in THREAD_VARIABLES:
        os.environ[name] = str(args.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    sys.excepthook = _show_redacted
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of kernels that it lacks, whoever loads it
    try:
        main(args)
    except (InputError, OSError, MemoryError, RuntimeError, ImportError) as error:
        message = str(error) if isinstance(error, InputError) else lack(error)
        if message is None:
            raise
        print(f"error: {redact(message + place.hint(message))}", file=sys.stderr)
        sys.exit(2)


class Redacting(logging.Formatter):
    """Writes log lines without secrets, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _show_redacted(kind, error, trace) -> None:
    """Show an error that nobody caught, without secrets."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def lack(error: Exception) -> str | None:
    """Say what the machine lacks, and what to do; None for any other error."""
    if isinstance(error, OSError) and error.errno in LACKS:
        return f"{error.filename or 'a file'}: {error.strerror}. {LACKS[error.errno]} {AGAIN}"
    text = str(error)
    # Of torch on the CPU and on a GPU, and of libraries that the loader cannot map.
    signs = ("not enough memory", "out of memory", "Cannot allocate memory", "failed to map segment")
    if isinstance(error, MemoryError) or any(sign in text for sign in signs):
        return f"the memory is not enough ({text or type(error).__name__}). Give the rule more memory. {AGAIN}"
    return None
