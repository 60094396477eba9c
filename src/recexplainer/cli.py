"""How every program in ``workflow/scripts`` runs: its arguments, threads, logging, one clear error line."""

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
from typing import Any

from recexplainer import arguments, place
from recexplainer.arguments import Program
from recexplainer.errors import InputError, one_line
from recexplainer.files import together
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


def run(program: Program, description: str | None) -> None:
    """Parse the arguments and call the program, as :func:`execute` does; a wrong argument ends it with status 2.

    Args:
        program: a function of typed arguments, as :mod:`recexplainer.arguments` has them; or one for each command.
        description: the program's docstring, shown by ``--help``.
    """
    parser = arguments.parser(program, description)
    try:
        if odd := next((word for word in sys.argv[1:] if not _is_text(word)), None):
            parser.error(f"{odd!r} is not UTF-8")
        args = parser.parse_args()
    except InputError as error:
        complain(str(error))
        sys.exit(2)
    execute(arguments.bound(program, args), args.threads, args.log)


def execute(work: Callable[[], None], threads: int, log: str | None = None) -> None:
    """Limit threads, set up logging, and do a program's work.

    Heavy libraries are imported in it, after the thread limits are in the environment.
    Whatever is raised ends the program with one line on the standard error and a status other than 0: 2 for an
    :class:`InputError`, what the machine lacks (room, rights, memory) and a file that cannot be opened, 1 for what
    nobody foresaw. The traceback of the latter is in the stage's log, and the line says where.

    Args:
        work: what the program does.
        threads: how many threads its libraries take.
        log: the stage's log, which is emptied.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    for name, value in UNLESS_SET.items():
        os.environ.setdefault(name, value)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of kernels that it lacks, whoever loads it
    warnings.showwarning = _show_warning
    threading.excepthook = lambda raised: complain(unforeseen(raised.exc_value or SystemExit(), log))
    try:
        _begin(log)
        with together():
            work()
    except KeyboardInterrupt:
        complain("interrupted.")
        sys.exit(128 + 2)
    except Exception as error:
        message = foreseen(error)
        complain(unforeseen(error, log) if message is None else message + place.hint(message))
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
