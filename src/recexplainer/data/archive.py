"""One file out of a zip or tar archive; nothing else of it is unpacked, and its names are no paths here."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from recexplainer.files import atomic

SHOWN = 10  # members that a message names


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
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                _check(member, [info.filename for info in opened.infolist() if not info.is_dir()])
                with opened.open(member) as source:
                    _copy(source, output)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened:
                _check(member, [info.name for info in opened if info.isfile()])
                _copy(opened.extractfile(member), output)
        else:
            raise NotThere("not a zip or tar archive, out of which 'member' is to be taken")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise NotThere(f"the archive is broken ({error})") from None
    except (RuntimeError, NotImplementedError) as error:  # a password, or a kind of compression that is not known
        raise NotThere(f"{member!r} cannot be unpacked ({error})") from None


def _check(member: str, names: list[str]) -> None:
    if member not in names:
        more = ", ..." if len(names) > SHOWN else ""
        raise NotThere(f"no file {member!r} in the archive; found: {', '.join(names[:SHOWN]) or 'none'}{more}")


def _copy(source: BinaryIO, output: Path) -> None:
    with atomic(output) as temporary, open(temporary, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
