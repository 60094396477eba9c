"""Folders that are there as a whole, or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(folder: Path, replaced: bool = False) -> Iterator[Path]:
    """Yield a place beside a folder, where nothing is yet; once it is filled, it takes the folder's name.

    What is left of a run that was killed, or of one that fails, is removed.

    Args:
        folder: the folder to write.
        replaced: whether what is there under its name gives way.
    """
    made = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(made, ignore_errors=True)
    try:
        yield made
        if replaced:
            shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
