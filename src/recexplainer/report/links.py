"""Links of the report to the files of its run, relative to the page."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

FORMS = {".html": "page", ".csv": "CSV", ".tex": "LaTeX", ".svg": "SVG", ".pdf": "PDF", ".png": "PNG"}
"""What each form of a table or figure is called, by its suffix."""


def link(path: str | Path, root: Path) -> str:
    """Return the address of a file relative to the page's folder."""
    return quote(Path(os.path.relpath(path, root)).as_posix())


def forms(path: str, root: Path) -> list[tuple[str, str]]:
    """Return the forms of a table or figure that are there, each a name and an address.

    Args:
        path: one of them.
        root: the page's folder.
    """
    files = [(words, Path(path).with_suffix(suffix)) for suffix, words in FORMS.items()]
    return [(words, link(form, root)) for words, form in files if form.is_file()]


def folder_link(folder: str | None, name: str, root: Path) -> str:
    """Return the address of a folder's part; "" where there is none."""
    return f"{link(Path(folder, name), root)}/" if folder and Path(folder, name).is_dir() else ""


def more_links(
    records: Sequence[str | None], rating_pages: Sequence[str], logs: str | None, root: Path
) -> list[tuple[str, str]]:
    """Return what else belongs to the run: name and address of each.

    Args:
        records: the comparison with the paper, the claims, and the record of the run; None for what is not there.
        rating_pages: one per rater.
        logs: their folder.
        root: the page's folder.
    """
    numbers, claims, provenance = records
    links = []
    if numbers:
        page = Path(numbers).with_suffix(".html")
        links += [("All numbers and claims beside the paper", link(page, root))] if page.is_file() else []
        links.append(("The numbers as CSV", link(numbers, root)))
    links += [("The claims as CSV", link(claims, root))] if claims else []
    links += [(f"Rating page of {Path(page).stem}", link(page, root)) for page in rating_pages]
    links += [("Record of the run (provenance)", link(provenance, root))] if provenance else []
    all_logs = folder_link(logs, "", root)
    return links + ([("Logs of all jobs", all_logs)] if all_logs else [])
