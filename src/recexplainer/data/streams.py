"""Reading big text files as a stream: plain or gzip, line by line, with broken lines counted.

Decompression is igzip's (the ``isal`` package), in blocks that are cut at line ends, so memory
does not depend on the size of the file.
"""

import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from isal import igzip, igzip_threaded, isal_zlib

from recexplainer.errors import InputError

logger = logging.getLogger(__name__)

BLOCK = 1 << 20  # bytes read at once; more would no longer fit into a processor's cache
LONGEST_LINE = 1 << 26  # bytes; a longer one means that the file is not made of lines
SHOWN = 5  # broken lines of a file that are shown in the log
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a plain or gzip file; errors within are :class:`InputError`, which names it."""
    try:
        with open(path, "rb") as handle:
            if handle.read(2) == GZIP_MAGIC:
                handle.seek(0)
                # Blocks of the reader's own size would have the two threads wait for each other.
                with igzip_threaded.open(handle, "rb", threads=1, block_size=4 * BLOCK) as unpacked:
                    yield unpacked
            else:
                handle.seek(0)
                yield handle
    except (EOFError, igzip.BadGzipFile, isal_zlib.error, zlib.error) as error:
        raise InputError(
            f"{path}: the gzip file is cut off or corrupt ({error}). Delete it and run the download again."
        ) from None
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; expected a plain or gzip text file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a plain or gzip text file.") from None


def blocks(path: str | Path) -> Iterator[bytes]:
    """Yield the unpacked bytes of a plain or gzip file, about 1 MiB at a time, without a byte order mark.

    Raises:
        InputError: the file is missing, or its gzip stream is cut off or corrupt.
    """
    with opened(Path(path)) as handle:
        first = True
        while block := handle.read(BLOCK):
            yield block.removeprefix(BYTE_ORDER_MARK) if first else block
            first = False


@cache
def _keep_freed_memory() -> None:
    """Let glibc keep the memory of a block for the next one, which saves a quarter of the time of reading.

    It gives blocks that are freed back to the system, to get them anew page by page, until something larger has been
    freed once. These 31 MiB are never touched; above 32 glibc learns nothing.
    """
    bytearray(31 << 20)


def line_blocks(path: str | Path) -> Iterator[tuple[int, bytes, np.ndarray]]:
    """Yield (number of the first line, from 1; some whole lines, about 1 MiB; place of each line's end, int64).

    A line ends at its line feed, which the last line of a file may lack: it ends where the block does.

    Raises:
        InputError: as :func:`blocks`; or a line is longer than 64 MiB.
    """
    first = 1
    _keep_freed_memory()
    with opened(Path(path)) as handle:
        while block := handle.read(BLOCK):
            if first == 1:
                block = block.removeprefix(BYTE_ORDER_MARK)
            rest = handle.readline(LONGEST_LINE)
            if len(rest) == LONGEST_LINE:
                number = first + block.count(b"\n")
                raise InputError(f"{path}: line {number} is longer than 64 MiB; expected one record per line.")
            block += rest
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            if not block.endswith(b"\n"):
                ends = np.append(ends, len(block))
            yield first, block, ends
            first += len(ends)


def lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, stripped line) for each line that is not blank; LF and CRLF both end a line.

    Raises:
        InputError: as :func:`line_blocks`.
    """
    for first, block, _ in line_blocks(path):
        yield from numbered(first, block)


def numbered(first: int, block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, stripped line) for each line of a block that is not blank."""
    for number, line in enumerate(block.split(b"\n"), first):
        if line := line.strip():
            yield number, line


class BrokenLines:
    """Counts the lines of one file that cannot be read, shows the first few in the log, and sets the limit.

    Args:
        path: the file, for messages.
        max_share: the share of broken lines, 0 to 1, from which on the file is refused.
        unit: what is counted: a line, or a row of a table.
        keys: of the config, that the message names.
    """

    def __init__(
        self, path: str | Path, max_share: float, unit: str = "line", keys: tuple[str, ...] = ("format", "fields")
    ) -> None:
        self.path, self.max_share, self.unit, self.keys = path, max_share, unit, keys
        self.count, self.total, self.first, self._said = 0, 0, "", 0

    def add(self, number: int, why: str, count: int = 1) -> None:
        """Count line ``number`` as broken; or ``count`` lines, of which it is the last."""
        self.first = self.first or f"{self.unit} {number}: {why}"
        self.count += count
        self._said += 1
        if self._said <= SHOWN:
            logger.warning("%s, %s %d: skipped: %s", self.path, self.unit, number, why)
        elif self._said == SHOWN + 1:
            logger.warning("%s: more %ss are skipped, without a message each", self.path, self.unit)

    def check(self, total: int) -> None:
        """End of the file: ``total`` lines that are not blank were seen.

        Raises:
            InputError: there was no line, or the share of broken ones is over the limit.
        """
        self.total = total
        if total == 0:
            raise InputError(f"{self.path}: the file has no {self.unit}; expected one record per {self.unit}.")
        share = self.count / total
        if share > self.max_share:
            keys = ", ".join(map(repr, self.keys[:-1]))
            raise InputError(
                f"{self.path}: {self.count} of {total} {self.unit}s ({share:.2%}) cannot be read, more than the "
                f"allowed {self.max_share:.2%}. First: {self.first}. Check the file and the keys {keys} and "
                f"{self.keys[-1]!r}, or raise 'max_broken_share'."
            )
        if self.count:
            logger.warning("%s: %d of %d %ss skipped", self.path, self.count, total, self.unit)
