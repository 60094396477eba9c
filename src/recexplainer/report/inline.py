"""Figures 4 and 5 inside the report: as text that fits every window, can be read aloud, and is dark with the page."""

import re
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import read_text
from recexplainer.report.captions import WITH_HISTORIES

HERE = Path(__file__).parent

_COLOR = re.compile(r"\.panel:nth-of-type\((\d+)\) { --bar: (#[0-9a-f]{6}); }")
_HEADINGS = {"<h1>": '<p class="heading">', "</h1>": "</p>", "<h2>": "<h4>", "</h2>": "</h4>"}


def inline_case(figure: str) -> tuple[Any, str] | None:
    """Return the body of a case figure's page and the style rules that it needs; None for figures without such a page.

    Args:
        figure: the image of figure 4 or 5, beside whose file the page stands. Its text is escaped by its maker.

    Raises:
        InputError: the page is no case figure.
    """
    from markupsafe import Markup

    path = Path(figure).with_suffix(".html")
    if path.stem not in WITH_HISTORIES or not path.is_file():
        return None
    text = read_text(path, "page of a case")
    start, end = text.find("<main>"), text.rfind("</main>")
    if not 0 <= start < end:
        raise InputError(f"{path}: not the page of a case. Run the stage that makes it again.")
    body = text[start + len("<main>") : end]
    # The report has a heading of its own for the figure.
    body = re.sub(r"<h1>Figure \d\. ", "<h1>", body)
    for tag, other in _HEADINGS.items():
        body = body.replace(tag, other)
    colors = "".join(f"&.{path.stem} {rule}\n" for rule in map(re.Match.group, _COLOR.finditer(text[:start])))
    style = (HERE.parent / "figures" / "case_page.css").read_text(encoding="utf-8")
    style = "".join(
        f"{line}\n" for line in style.splitlines() if not line.startswith(("main ", ":root", "@media (prefers"))
    )
    return Markup(body), f".casefigure {{\n{style}{colors}}}\n"
