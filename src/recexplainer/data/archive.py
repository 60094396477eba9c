"""One file out of a zip or tar archive; nothing else of it is unpacked, and its names are no paths here."""

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recexplainer.errors import shown
from recexplainer.files import atomic

SHOWN = 10  # members that a message names
LARGEST = 1 << 36  # bytes of a member, 64 GiB; more comes of no file of this kind, but of an archive made to fill disks
CHUNK = 1 << 20
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error)
"""What the readers of archives raise of one that is damaged, beside errors that any bad value raises."""


class NotThere(Exception):
    """The archive is none, is broken, or has no such member."""


def extract(archive: Path, member: str, output: Path) -> None:
    """Write one member of an archive to ``output``.

    Args:
        archive: zip, or tar (plain, gzip, bzip2 or xz).
        member: its name in the archive.
        output: appears when it is whole.

    Raises:
        NotThere: see there; the message says which.
    """
    with described(member):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                chosen = _find(member, [(info.filename, info) for info in opened.infolist() if not info.is_dir()])
                with opened.open(chosen) as source:
                    _copy(source, member, chosen.file_size, output)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                # The file itself, not its name: a link that repeats the name would be followed.
                chosen = _find(member, [(entry.name, entry) for entry in tar if entry.isfile()])
                file: Any = tar.fileobj
                while file.read(CHUNK):  # at its end gzip has a checksum
                    pass
                _copy(tar.extractfile(chosen), member, chosen.size, output)
        else:
            raise NotThere("not a zip or tar archive, out of which 'member' is to be taken")


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip or a tar archive."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def beginnings(archive: Path, size: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield (name, bytes that it has, its first ``size`` bytes) of each file in an archive, in the archive's order.

    Raises:
        NotThere: the archive is broken, or a file in it cannot be unpacked.
    """
    with described("a file in it"):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    if not info.is_dir():
                        with opened.open(info) as source:
                            yield info.filename, info.file_size, source.read(size)
        else:
            with tarfile.open(archive) as tar:
                for entry in tar:
                    if entry.isfile():
                        content: Any = tar.extractfile(entry)
                        yield entry.name, entry.size, content.read(size)


@contextmanager
def described(what: str) -> Iterator[None]:
    """Turn what the readers of archives raise into :class:`NotThere`; ``what`` is to be unpacked."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:  # a password, or a kind of compression that is not known
        raise NotThere(f"{shown(what)} cannot be unpacked ({shown(error)})") from None
    except (*DAMAGED, EOFError, ValueError, LookupError, OverflowError, MemoryError, AttributeError) as error:
        raise NotThere(f"the archive is broken ({shown(error) or type(error).__name__})") from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of the disk; the archive's own have none, or a wrong offset
            raise
        raise NotThere(f"the archive is broken ({shown(error)})") from None


def _find(member: str, members: list[tuple[Any, ...]]) -> Any:
    """Return the last of the members with that name: in a tar it replaces those before it."""
    chosen = next((info for name, info in reversed(members) if name == member), None)
    if chosen is None:
        names = ", ".join(shown(name) for name, _ in members[:SHOWN]) or "none"
        more = ", ..." if len(members) > SHOWN else ""
        raise NotThere(f"no file {member!r} in the archive; found: {names}{more}")
    return chosen


def _copy(source: Any, member: str, size: int, output: Path) -> None:
    with atomic(output) as temporary, open(temporary, "wb") as target:
        copied = 0
        while size <= LARGEST >= copied and (block := source.read(CHUNK)):
            copied += target.write(block)
        if max(size, copied) > LARGEST:
            raise NotThere(f"{member!r} is larger than {LARGEST >> 30} GiB, which no raw file is")
        if copied != size:
            raise NotThere(f"{member!r} is cut off in the archive: {copied} of {size} bytes")
