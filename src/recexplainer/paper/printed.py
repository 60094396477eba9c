"""A table as readers see it, and its two forms: LaTeX with booktabs, and HTML."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from recexplainer.pages import page_of

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
    "\u00a0": "~",
    "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$",
    "\u2212": r"$-$",
    # No ligatures in what may be a name.
    "-": "{-}",
    "\u2013": "--",
}
"""What means something to LaTeX, and how it is said as text."""


_NUMBER = re.compile(r"-?[\d.,]+%?")

LEVEL = 0.05
"""A p-value under this is significant."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        interval: the two ends of its interval as text; None for none.
        mark: ``best`` for the best, and for whatever is not significantly worse; "" for others.
        n: the number of its cases; "" where all cells of the column have the same.
        p: the p-value of its difference from the best; "" for none.
        note: a line of meaning below a row's name.
        more: what else stands beside the number, in words.
    """

    text: str
    interval: tuple[str, str] | None = None
    mark: str = ""
    n: str = ""
    p: str = ""
    note: str = ""
    more: str = ""


@dataclass(frozen=True)
class Block:
    """Rows that belong together, under a heading; "" for none. Each row begins with its name."""

    heading: str
    rows: list[list[Cell]]


@dataclass(frozen=True)
class PrintedTable:
    """A table.

    Attributes:
        caption: what it shows, and what the marks mean.
        label: for cross-references.
        columns: headings; the first is that of the rows' names.
        blocks: of rows, each as long as ``columns``.
        groups: headings over the columns, each with the number of its columns, first column included; [] for none.
        intervals: whether they are in the LaTeX form too: it has less room than the HTML.
        synthetic: what of it is made up, in a sentence; "" for nothing.
    """

    caption: str
    label: str
    columns: list[str]
    blocks: list[Block]
    groups: list[tuple[str, int]] = field(default_factory=list)
    intervals: bool = False
    synthetic: str = ""


def not_worse(
    values: Sequence[float | None],
    p_values: Sequence[float | None] | None = None,
    ends: Sequence[tuple[float, float] | None] = (),
) -> list[str]:
    """Return the mark of each value: ``best`` for the highest, and for all that are not significantly worse.

    Args:
        values: None for none.
        p_values: of each one's difference from the highest, None where there is none; None where nothing was tested:
            then those are not worse whose 95 % interval meets that of the highest.
        ends: of the intervals, in the same order, for that.

    Returns:
        No marks at all where there is nothing to choose from: fewer than two different values.
    """
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return [""] * len(values)
    best = max(known)
    tested = p_values if p_values is not None else [None] * len(values)
    intervals = list(ends) or [None] * len(values)
    least = min((own[0] for value, own in zip(values, intervals, strict=True) if value == best and own), default=best)

    def as_good(value: float | None, p_value: float | None, own: tuple[float, float] | None) -> bool:
        if value is None or value == best:
            return value is not None
        if p_values is not None:
            return p_value is not None and p_value >= LEVEL
        return own is not None and own[1] >= least

    return ["best" if as_good(*row) else "" for row in zip(values, tested, intervals, strict=True)]


def latex_text(text: str) -> str:
    """Return text as LaTeX that shows it, on one line; control characters become spaces."""
    plain = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return "".join(LATEX.get(letter, letter) for letter in plain)


def to_latex(table: PrintedTable) -> str:
    """Return a ``table`` environment; the document has to load booktabs."""
    width = len(table.columns)
    lines = [
        r"% The document's preamble needs \usepackage{booktabs}.",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{latex_text(_caption(table))}}}",
        rf"\label{{tab:{table.label}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
    ]
    if table.groups:
        heads, rules, first = [], [], 1
        for text, span in table.groups:
            heads.append(rf"\multicolumn{{{span}}}{{c}}{{{latex_text(text)}}}" if text else "& " * (span - 1))
            if text:
                rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
            first += span
        lines += [" & ".join(heads) + r" \\", "".join(rules)]
    lines.append(" & ".join(map(latex_text, table.columns)) + r" \\")
    for block in table.blocks:
        lines.append(r"\midrule")
        if block.heading:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{latex_text(block.heading)}}}}} \\")
        lines += [" & ".join(_latex_cell(cell, table.intervals) for cell in row) + r" \\" for row in block.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_cell(cell: Cell, intervals: bool) -> str:
    text = latex_text(cell.text)
    if cell.mark:
        text = rf"\textbf{{{text}}}"
    if intervals and cell.interval:
        text += rf" {{\scriptsize ({latex_text(cell.interval[0])}--{latex_text(cell.interval[1])})}}"
    if cell.n:
        text += rf" {{\scriptsize n={latex_text(cell.n)}}}"
    if intervals and cell.p:
        text += rf" {{\scriptsize {latex_text(cell.p)}}}"
    return text


def _caption(table: PrintedTable) -> str:
    return " ".join(filter(None, [table.synthetic, table.caption]))


def to_html(table: PrintedTable) -> str:
    """Return a ``table`` element to be put into a page, in ASCII, so that the page's encoding does not matter."""
    width = len(table.columns)
    caption = f'<caption><span class="across">{escape(table.caption)}</span></caption>'
    lines = ['<table class="sheet">', caption, "<thead>"]
    if table.groups:
        heads = [
            f'<th scope="colgroup" colspan="{span}">{escape(text)}</th>' if text else f'<td colspan="{span}"></td>'
            for text, span in table.groups
        ]
        lines.append(f"<tr>{''.join(heads)}</tr>")
    # A name is not broken at its hyphen.
    kinds = ["" if " " in text else ' class="whole"' for text in table.columns]
    heads = [f'<th scope="col"{kind}>{escape(text)}</th>' for kind, text in zip(kinds, table.columns, strict=True)]
    lines += [f"<tr>{''.join(heads)}</tr>", "</thead>"]
    for block in table.blocks:
        lines.append("<tbody>")
        if block.heading:
            heading = f'<span class="across">{escape(block.heading)}</span>'
            lines.append(f'<tr><th scope="rowgroup" colspan="{width}">{heading}</th></tr>')
        for row in block.rows:
            cells = "".join(f"<td>{_html_cell(cell)}</td>" for cell in row[1:])
            note = f' <span class="note">{escape(row[0].note)}</span>' if row[0].note else ""
            lines.append(f'<tr><th scope="row">{escape(row[0].text)}{note}</th>{cells}</tr>')
        lines.append("</tbody>")
    text = "\n".join([*lines, "</table>", ""])
    return text.encode("ascii", "xmlcharrefreplace").decode()


def to_page(table: PrintedTable, title: str) -> str:
    """Return a whole page that shows a table, in ASCII; what is made up in it stands at the top of the page."""
    return page_of(title, to_html(table), table.synthetic)


def between(low: str, high: str) -> str:
    """Return an interval; a minus and a dash side by side could not be told apart."""
    joint = " to " if "-" in low + high else "\u2013"
    return f"{low}{joint}{high}".replace("-", "\u2212")


def _html_cell(cell: Cell) -> str:
    shown = escape(cell.text.replace("-", "\u2212") if _NUMBER.fullmatch(cell.text) else cell.text)
    text = f"<strong>{shown}</strong>" if cell.mark else shown
    beside = [between(*cell.interval)] if cell.interval else []
    beside += [f"n\u2009=\u2009{cell.n}"] if cell.n else []
    beside += [part for part in (cell.p, cell.more) if part]
    return text + "".join(f" <small>{escape(part)}</small>" for part in beside)
