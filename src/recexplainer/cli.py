"""What every program in ``workflow/scripts`` shares: arguments, threads, logging, one clear error line."""

import argparse
import errno
import logging
import os
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from recexplainer import place
from recexplainer.errors import InputError, one_line
from recexplainer.files import together
from recexplainer.given import Given, parsed
from recexplainer.secrets import redact

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)

UNLESS_SET = {
    "TOKENIZERS_PARALLELISM": "false",
    # How many products' plans oneDNN keeps, which torch multiplies with in half precision on a processor: one for each
    # shape. A step of a training has some fifty; of its own accord it keeps 1,024, a GB and more, and is no faster.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
}
"""Variables of the environment that every program sets, where the user has not."""

LACKS = {
    errno.ENOSPC: "Make room, or choose another folder (pathvars in the config).",
    errno.EDQUOT: "Make room, or choose another folder (pathvars in the config).",
    errno.EFBIG: "The limit of a file's size is too low (ulimit -f).",
    errno.EROFS: "Choose a folder that can be written to (pathvars in the config).",
    errno.EACCES: "Ask for the right to read and write there, or choose another folder (pathvars in the config).",
}
"""What to do about errors of the file system."""
LONGEST = 300
"""Characters of an unforeseen error's own words that are shown."""
LONGEST_LINE = 2000
"""Characters of a line that ends a program; a value that was given may be longer."""
AGAIN = "Then give the same command again: what is done is kept."


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with an argument; a program's usage is what ``--help`` shows."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}. --help shows the arguments.")
        sys.exit(2)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every program has: ``--threads`` and ``--log``.

    Args:
        description: the program's docstring, shown by ``--help``.
    """
    result = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    result.add_argument("--threads", type=threads, default=1, help="number of CPU threads (default 1)")
    result.add_argument("--log", type=log_file, help="the stage's log, emptied first; where tracebacks go")
    return result


def settings(text: str) -> dict[str, Any]:
    """Argument type of ``--settings``: a JSON object, the config values that the stage uses.

    A key that it lacks is an :class:`InputError` when it is looked for, a value of a wrong kind is one at once.
    """
    value = _json(text)
    try:
        return Given.checked(value)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def pairs(text: str) -> list[Any]:
    """Argument type of a JSON list of pairs of texts, as ``[["games", "hybrid"]]``."""
    return _rows(text, 2)


def triples(text: str) -> list[Any]:
    """Argument type of a JSON list of three texts each, the last of which may be null."""
    return _rows(text, 3)


def _rows(text: str, width: int) -> list[Any]:
    value = _json(text)
    shaped = isinstance(value, list) and all(isinstance(row, list) and len(row) == width for row in value)
    texts = shaped and all(isinstance(cell, str) or (cell is None and width == 3) for row in value for cell in row)
    if not texts or any(None in row[:2] for row in value):
        raise argparse.ArgumentTypeError(f"expected a JSON list of lists of {width} texts each")
    return value


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error})") from None


def seed(text: str) -> int:
    """Argument type of ``--seed``: a whole number from 0 up to 2^63 - 1."""
    return _whole(text, 0, 2**63 - 1)


def count(text: str) -> int:
    """Argument type of a number of things: a whole number from 0 up to a million."""
    return _whole(text, 0, 10**6)


def threads(text: str) -> int:
    """Argument type of ``--threads``: a whole number from 1 up to 4096."""
    return _whole(text, 1, 4096)


def log_file(text: str) -> str:
    """Argument type of ``--log``: a file that may be emptied, so none of another kind that is named by a slip."""
    if not text.endswith(".log"):
        raise argparse.ArgumentTypeError(f"{text[:200]!r}; expected a name that ends in .log")
    return text


def _whole(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}; expected a whole number from {least} to {most}")
    return int(text)


def check_paired(args: argparse.Namespace, *names: str) -> None:
    """Check that arguments have as many values as each other: files, say, and what each of them is.

    Args:
        names: of the arguments' attributes, such as ``judgement_rows``.

    Raises:
        InputError: they have not.
    """
    counts = {f"--{name.replace('_', '-')}": len(getattr(args, name)) for name in names}
    if len({*counts.values()}) > 1:
        listed = ", ".join(f"{name} has {number}" for name, number in counts.items())
        raise InputError(f"{listed}; expected as many values of each.")


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Parse the arguments, limit threads, set up logging, and call ``main``.

    Heavy libraries are imported inside ``main``, after the thread limits are in the environment.
    Whatever is raised ends the program with one line on the standard error and a status other than 0: 2 for an
    :class:`InputError`, what the machine lacks (room, rights, memory) and a file that cannot be opened, 1 for what
    nobody foresaw. The traceback of the latter is in the stage's log, and the line says where.
    """
    if odd := next((word for word in sys.argv[1:] if not _is_text(word)), None):
        arguments.error(f"{odd!r} is not UTF-8")
    args = arguments.parse_args()
    for name in THREAD_VARIABLES:
        os.environ[name] = str(args.threads)
    for name, value in UNLESS_SET.items():
        os.environ.setdefault(name, value)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of kernels that it lacks, whoever loads it
    warnings.showwarning = _show_warning
    threading.excepthook = lambda raised: complain(unforeseen(raised.exc_value or SystemExit(), args.log))
    try:
        _begin(args.log)
        with together():
            main(args)
    except KeyboardInterrupt:
        complain("interrupted.")
        sys.exit(128 + 2)
    except Exception as error:
        message = foreseen(error)
        complain(unforeseen(error, args.log) if message is None else message + place.hint(message))
        sys.exit(1 if message is None else 2)


def _is_text(word: str) -> bool:
    """Return whether an argument was UTF-8; what was not would be in no file's text."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def complain(message: str) -> None:
    """Say on the standard error what ends a program: one line for each of the message, without secrets."""
    lines = [one_line(redact(line)) for line in message.splitlines() if line.strip()]
    lines = [f"{line[:LONGEST_LINE]}..." if len(line) > LONGEST_LINE else line for line in lines]
    print("\n".join(f"error: {line}" if not number else line for number, line in enumerate(lines)), file=sys.stderr)


def _begin(log: str | None) -> None:
    """Empty the log of an earlier try. Of several processes the first one does."""
    if log and os.environ.get("RANK", "0") == "0":
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        Path(log).write_bytes(b"")


class Redacting(logging.Formatter):
    """Writes log lines without secrets, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _show_warning(message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None) -> None:
    """Show a library's warning as one line of the log."""
    logging.getLogger("warnings").warning("%s: %s", category.__name__, one_line(message))


def foreseen(error: Exception) -> str | None:
    """Return the line of an error that a user can do something about; None for one that nobody foresaw."""
    if isinstance(error, InputError):
        return str(error)
    lacking = lack(error)
    if lacking is None and isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{_path(error.filename)}: {error.strerror}. Expected another path, or what belongs there."
    return lacking


def unforeseen(error: BaseException, log: str | None = None) -> str:
    """Write the traceback of an error that nobody foresaw to the log, and return the line that says where.

    Args:
        error: what was raised.
        log: the stage's log; None for a temporary file.
    """
    where = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in where if f"{os.sep}recexplainer{os.sep}" in frame.filename]
    own = [frame for frame in ours if frame.filename != __file__] or where
    at = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}, {own[-1].name}" if own else ""
    words = one_line(error) or "no message"
    words = f"{words[:LONGEST]}..." if len(words) > LONGEST else words.rstrip(".")
    text = redact("".join(traceback.format_exception(error)))
    return f"{type(error).__name__}{at}: {words}. This was not foreseen. The traceback is in {_keep(text, log)}."


def _keep(text: str, log: str | None) -> str:
    """Append a traceback to the log, or write it to a temporary file; return where it is."""
    try:
        if log is None:
            descriptor, log = tempfile.mkstemp(prefix="recexplainer-", suffix=".log", text=True)
            os.close(descriptor)
        with open(log, "a", encoding="utf-8", errors="backslashreplace") as handle:
            handle.write(text)
    except OSError as failed:
        return f"no file, as none can be written ({failed})"
    return str(log)


def _path(name: str | bytes | int) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes) else "a file"


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
