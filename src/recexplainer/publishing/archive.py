"""A bundle: one zip whose bytes follow from its files alone, and which is read as what a stranger sent.

It has a manifest with the SHA-256 of every other file, in the format of ``sha256sum``: who unpacks a bundle by hand
checks it with ``sha256sum -c manifest-sha256.txt``.
"""

import hashlib
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recexplainer.data.archive import NotThere, described
from recexplainer.errors import InputError, shown
from recexplainer.files import atomic, checksum_of, kept, sha256, write_text

MANIFEST = "manifest-sha256.txt"
MOST_BYTES, MOST_FILES = 1 << 30, 10_000
"""Of the files of a bundle: what is larger is neither written nor unpacked."""
EPOCH = (1980, 1, 1, 0, 0, 0)
NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*", re.ASCII)
"""Names in a bundle: none leads out of a folder, and none is hidden."""
CHUNK = 1 << 20


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their names within it, sorted."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(files.items()))


def write_manifest(folder: Path) -> None:
    """Write the manifest of a folder's files into it."""
    lines = [f"{sha256(path)}  {name}\n" for name, path in files_of(folder).items() if name != MANIFEST]
    write_text(folder / MANIFEST, "".join(lines))
    checksum_of(folder / MANIFEST).unlink()


def write_zip(folder: Path, output: str | Path) -> None:
    """Write a folder as a zip: sorted names, one time for all. The same files give the same bytes.

    Raises:
        InputError: there is more than a bundle may hold, or a name that none may have.
    """
    files = files_of(folder)
    size = sum(path.stat().st_size for path in files.values())
    if size > MOST_BYTES or len(files) > MOST_FILES:
        raise InputError(f"{output}: {len(files)} files of {size >> 20} MiB; {_limits()}.")
    for name in files:
        if not NAME.fullmatch(name):
            raise InputError(f"{output}: {shown(name)!r}: a name of other characters than letters, digits, _ . + -")
    with kept(), atomic(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, path in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o100644 << 16, 3
            archive.writestr(info, path.read_bytes(), compresslevel=9)
    checksum_of(output).unlink()  # what is sent elsewhere has them within


def _limits() -> str:
    return f"a bundle has at most {MOST_FILES:,} files of {MOST_BYTES >> 20:,} MiB"


@contextmanager
def unpacked(bundle: str | Path) -> Iterator[Path]:
    """Yield a temporary folder with the files of a bundle, each as its manifest has it.

    What is wrong with them there is said of the bundle.

    Raises:
        InputError: it is no bundle, is cut off, or holds more, or another thing, than its manifest says.
    """
    with tempfile.TemporaryDirectory(prefix="recexplainer-") as made:
        folder = Path(made) / "bundle"
        try:
            with described("a file in it"), zipfile.ZipFile(bundle) as archive:
                _unpack(archive, folder)
        except NotThere as error:
            raise InputError(f"{bundle}: {error}. Expected a bundle, as `recexplainer bundle` writes it.") from None
        try:
            yield folder
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(bundle))) from None


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    members = archive.infolist()
    if len(members) > MOST_FILES or sum(info.file_size for info in members) > MOST_BYTES:
        raise NotThere(f"{len(members)} files of {sum(info.file_size for info in members) >> 20} MiB; {_limits()}")
    for info in members:
        if not NAME.fullmatch(info.filename) or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise NotThere(f"{shown(info.filename)[:200]!r} is no name of a file in a bundle")
    names = [info.filename for info in members]
    if len(set(names)) != len(names):
        raise NotThere("a name occurs twice")
    listed = _listed(archive) if MANIFEST in names else None
    if listed is None or {*names} != {*listed, MANIFEST}:
        absent = sorted({*names} ^ {*(listed or ()), MANIFEST})[0]
        raise NotThere(f"{absent!r} is missing" if absent not in names else f"{absent!r} is not in the {MANIFEST}")
    for name, digest in listed.items():
        if _write(archive, name, folder / name) != digest:
            raise NotThere(f"{name!r} is not what was bundled: its checksum is another than in {MANIFEST}")


def _listed(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the checksums of the manifest by name."""
    text = archive.read(MANIFEST).decode("utf-8")
    digests = {}
    for line in text.splitlines():
        parts = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if not parts:
            raise NotThere(f"{MANIFEST} is none")
        digests[parts[2]] = parts[1]
    return digests


def _write(archive: zipfile.ZipFile, name: str, output: Path) -> str:
    """Unpack a file, and return its SHA-256. Its bytes are at most as many as it says, or the zip's reader refuses."""
    output.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(name) as source, open(output, "wb") as target:
        while block := source.read(CHUNK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()
