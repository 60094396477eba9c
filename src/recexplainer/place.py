"""Is a program run in the repository's folder? The config names its files from there."""

import os
import re
from pathlib import Path

from recexplainer.errors import InputError

ROOT = Path(__file__).parents[2]
"""The repository, where the library is used from a clone."""


def check_folder(root: Path) -> None:
    """Refuse to run the workflow anywhere but in its repository's folder.

    Args:
        root: the folder of the Snakefile.

    Raises:
        InputError: the working directory is another one, or the repository's name is one that Snakemake misreads.
    """
    odd = sorted(character for character in {*str(root)} if character in "{}:" or not character.isprintable())
    if odd:
        raise InputError(
            f"the repository lies in {str(root)!r}, and {odd[0]!r} in a folder's name means something else to "
            "Snakemake or Python. Move it, or rename the folder."
        )
    if not _same(Path("workflow/scripts"), root / "workflow" / "scripts"):
        raise InputError(
            f"the working directory is {os.getcwd()}; the config names its files from the repository's folder. "
            f"Run snakemake there: cd {root}"
        )


def hint(message: str, root: Path = ROOT) -> str:
    """Return what to add to a message about a file that is missing here, but is there in the repository's folder.

    Args:
        message: names the file by a relative path.
        root: the repository.

    Returns:
        A sentence, or "" where the working directory is the right one or is not the reason.
    """
    if not (root / "Snakefile").is_file() or _same(Path(), root):
        return ""
    for word in re.findall(r"[\w.-]+(?:/[\w.-]+)+", message):
        name = word.rstrip(".")
        if not os.path.exists(name) and f"/{word}" not in message and (root / name).exists():
            return f" The working directory is {os.getcwd()}; run it from the repository's folder: cd {root}"
    return ""


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False
