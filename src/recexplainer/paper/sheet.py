"""A table as readers see it, and its two forms: LaTeX with booktabs, and HTML."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    # A row that starts with a bracket would be read as the option of the line end before it.
    "[": "{[}",
    "]": "{]}",
    # No ligatures in what may be a name.
    "-": "{-}",
    "\u2013": "--",
}
"""What means something to LaTeX, and how it is said as text."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        interval: the two ends of its interval as text; None for none.
        mark: whether it is the ``best`` or the ``second``.
        n: the number of its cases; "" where all cells of the column have the same.
    """

    text: str
    interval: tuple[str, str] | None = None
    mark: str = ""
    n: str = ""


@dataclass(frozen=True)
class Block:
    """Rows that belong together, under a heading; "" for none. Each row begins with its name."""

    heading: str
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        caption: what it shows, and what the marks mean.
        label: for cross-references.
        columns: headings; the first is that of the rows' names.
        blocks: of rows, each as long as ``columns``.
        groups: headings over the columns, each with the number of its columns, first column included; [] for none.
        intervals: whether they are in the LaTeX form too: it has less room than the HTML.
    """

    caption: str
    label: str
    columns: list[str]
    blocks: list[Block]
    groups: list[tuple[str, int]] = field(default_factory=list)
    intervals: bool = False


def marks(values: Sequence[str | None]) -> list[str]:
    """Return the mark of each value: the highest is ``best``, the next ``second``, equal ones share theirs.

    Args:
        values: numbers as they are shown; None or "" for none. What looks the same is the same.

    Returns:
        No marks at all where there is nothing to choose from: fewer than two different values.
    """
    found = sorted({float(value) for value in values if value}, reverse=True)
    if len(found) < 2:
        return [""] * len(values)
    names = {found[0]: "best", found[1]: "second"}
    return [names.get(float(value), "") if value else "" for value in values]


def latex_text(text: str) -> str:
    """Return text as LaTeX that shows it, on one line; control characters become spaces."""
    plain = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return "".join(LATEX.get(letter, letter) for letter in plain)


def to_latex(sheet: Sheet) -> str:
    """Return a ``table`` environment; the document has to load booktabs."""
    width = len(sheet.columns)
    lines = [
        r"% The document's preamble needs \usepackage{booktabs}.",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{latex_text(sheet.caption)}}}",
        rf"\label{{tab:{sheet.label}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
    ]
    if sheet.groups:
        heads, rules, first = [], [], 1
        for text, span in sheet.groups:
            heads.append(rf"\multicolumn{{{span}}}{{c}}{{{latex_text(text)}}}" if text else "& " * (span - 1))
            if text:
                rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
            first += span
        lines += [" & ".join(heads) + r" \\", "".join(rules)]
    lines.append(" & ".join(map(latex_text, sheet.columns)) + r" \\")
    for block in sheet.blocks:
        lines.append(r"\midrule")
        if block.heading:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{latex_text(block.heading)}}}}} \\")
        lines += [" & ".join(_latex_cell(cell, sheet.intervals) for cell in row) + r" \\" for row in block.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_cell(cell: Cell, intervals: bool) -> str:
    text = latex_text(cell.text)
    if cell.mark:
        text = rf"\{'textbf' if cell.mark == 'best' else 'underline'}{{{text}}}"
    if intervals and cell.interval:
        text += rf" {{\scriptsize ({latex_text(cell.interval[0])}--{latex_text(cell.interval[1])})}}"
    if cell.n:
        text += rf" {{\scriptsize n={latex_text(cell.n)}}}"
    return text


def to_html(sheet: Sheet) -> str:
    """Return a ``table`` element to be put into a page, in ASCII, so that the page's encoding does not matter."""
    width = len(sheet.columns)
    lines = ['<table class="sheet">', f"<caption>{escape(sheet.caption)}</caption>", "<thead>"]
    if sheet.groups:
        heads = [
            f'<th scope="colgroup" colspan="{span}">{escape(text)}</th>' if text else f'<td colspan="{span}"></td>'
            for text, span in sheet.groups
        ]
        lines.append(f"<tr>{''.join(heads)}</tr>")
    heads = [f'<th scope="col">{escape(text)}</th>' for text in sheet.columns]
    lines += [f"<tr>{''.join(heads)}</tr>", "</thead>"]
    for block in sheet.blocks:
        lines.append("<tbody>")
        if block.heading:
            lines.append(f'<tr><th scope="rowgroup" colspan="{width}">{escape(block.heading)}</th></tr>')
        for row in block.rows:
            cells = "".join(f"<td>{_html_cell(cell)}</td>" for cell in row[1:])
            lines.append(f'<tr><th scope="row">{escape(row[0].text)}</th>{cells}</tr>')
        lines.append("</tbody>")
    text = "\n".join([*lines, "</table>", ""])
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _html_cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.mark:
        tag = "strong" if cell.mark == "best" else "u"
        text = f"<{tag}>{text}</{tag}>"
    if cell.interval:
        text += f" <small>{escape(cell.interval[0])}\u2013{escape(cell.interval[1])}</small>"
    if cell.n:
        text += f" <small>n\u2009=\u2009{escape(cell.n)}</small>"
    return text
