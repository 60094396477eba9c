"""A case figure as an image: text set in lines, word by word, with its marks.

All lengths are points (1/72 inch), from the top left corner.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from recexplainer.checking.marked import ITEM, NAMED, PLAIN, RIGHT, WRONG, Run
from recexplainer.figures.case_view import LEGEND, CaseView, Panel
from recexplainer.style import FAINT, INK, MUTED, figure_style, save_figure
from recexplainer.style import ITEM as BLUE
from recexplainer.style import RIGHT as GREEN
from recexplainer.style import WRONG as RED

logger = logging.getLogger(__name__)

WIDTH, MARGIN, SIDE, GAP = 640.0, 18.0, 122.0, 14.0
"""Of the figure, of its border, of the column with the names, and between the columns."""

SIZE, SMALL, LINE = 8.5, 7.5, 1.42
"""Sizes of the fonts, and the height of a line relative to its font."""

HISTORY_SHOWN = 15
"""How many titles of the history the image shows, the newest; the page shows all."""

_COLORS = {PLAIN: INK, RIGHT: GREEN, ITEM: BLUE, NAMED: INK, WRONG: RED}
_BOLD = (RIGHT, ITEM, NAMED)


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Return the code points that the font can draw."""
    from matplotlib.font_manager import fontManager, get_font

    return frozenset(get_font(fontManager.findfont("DejaVu Sans")).get_charmap())


def drawable(text: str) -> str:
    """Replace what the font cannot draw, and control characters, by U+FFFD; every kind of space becomes a space."""
    spaced = "".join("\n" if letter == "\n" else " " if letter.isspace() else letter for letter in text)
    return "".join(
        letter if letter == "\n" or (letter.isprintable() and ord(letter) in _glyphs()) else "\ufffd"
        for letter in spaced
    )


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text on one line in points, with the spaces at its ends."""
    return _ink(f"|{text}|", size, bold) - _ink("||", size, bold)


def _ink(text: str, size: float, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def wrap(runs: list[Run], width: float, size: float) -> list[list[Run]]:
    """Break runs into lines of at most ``width`` points.

    Words stay whole unless one is wider than a line. Line ends in the text are kept, several blank lines as one.

    Returns:
        Of every line its runs, without spaces at the ends; an empty list for a blank line.
    """
    text = "".join(run.text for run in runs)
    marks = [run.mark for run in runs for _ in run.text]
    lines: list[list[Run]] = []
    for paragraph in re.finditer(r"[^\n]*(?:\n|$)", text):
        # The line under construction, and how wide it is.
        line: list[tuple[str, str]] = []
        used = 0.0
        last_end = 0
        for word in re.finditer(r"[^ \n]+", paragraph.group()):
            start, end = paragraph.start() + word.start(), paragraph.start() + word.end()
            for letters, joined in _pieces(text, marks, start, end, width, size):
                space = [] if not line or joined else [(" ", _space_mark(marks, last_end, start))]
                more = _measure(space + letters, size)
                if line and used + more > width:
                    lines.append(_runs(line))
                    line, used, space = [], 0.0, []
                    more = _measure(letters, size)
                line += space + letters
                used += more
            last_end = end
        if line or (lines and lines[-1]):
            lines.append(_runs(line))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _pieces(
    text: str, marks: list[str], start: int, end: int, width: float, size: float
) -> Iterator[tuple[list[tuple[str, str]], bool]]:
    """Yield a word's letters with their marks: at once, or in parts if it is wider than a line.

    The flag says whether a part is joined to the one before, without a space.
    """
    letters = list(zip(text[start:end], marks[start:end], strict=True))
    part: list[tuple[str, str]] = []
    joined = False
    if _measure(letters, size) <= width:
        yield letters, False
        return
    for letter in letters:
        if part and _measure([*part, letter], size) > width:
            yield part, joined
            part, joined = [], True
        part.append(letter)
    yield part, joined


def _space_mark(marks: list[str], last_end: int, start: int) -> str:
    """A space is marked only inside one marked stretch."""
    return marks[start] if len(set(marks[last_end - 1 : start + 1])) == 1 else PLAIN


def _runs(letters: list[tuple[str, str]]) -> list[Run]:
    return [Run("".join(c for c, _ in group), mark) for mark, group in groupby(letters, key=lambda pair: pair[1])]


def _measure(letters: list[tuple[str, str]], size: float) -> float:
    return sum(text_width(run.text, size, run.mark in _BOLD) for run in _runs(letters))


class _Canvas:
    """Collects what is to be drawn while the height is not known yet."""

    def __init__(self) -> None:
        self.y = MARGIN
        self.texts: list[tuple[float, float, str, dict[str, Any]]] = []
        self.boxes: list[tuple[float, float, float, float, str]] = []

    def word(self, x: float, baseline: float, text: str, size: float, color: str, bold: bool = False) -> None:
        weight = "bold" if bold else "normal"
        self.texts.append((x, baseline, text, {"size": size, "color": color, "weight": weight}))

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        self.boxes.append((x, y, width, height, color))

    def rule(self) -> None:
        self.box(MARGIN, self.y, WIDTH - 2 * MARGIN, 0.6, FAINT)

    def block(
        self, x: float, y: float, width: float, runs: list[Run], size: Any = SIZE, color: str = INK, bold: bool = False
    ) -> float:
        """Set runs in lines; return where the next line would begin."""
        runs = [Run(drawable(run.text), run.mark) for run in runs]
        # Bold letters are wider: a bold block is wrapped as if it were marked right, and drawn in its own colour.
        shaped = [Run(run.text, RIGHT) for run in runs] if bold else runs
        for line in wrap(shaped, width, size):
            at, baseline = x, y + size
            for run in line:
                thick = run.mark in _BOLD
                advance = text_width(run.text, size, thick)
                ink = color if bold or run.mark == PLAIN else _COLORS[run.mark]
                self.word(at, baseline, run.text, size, ink, thick)
                if run.mark == WRONG:
                    self.box(at, baseline + 1.6, advance, 0.9, RED)
                at += advance
            y += size * LINE
        return y

    def draw(self) -> Any:
        """Return the figure."""
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle

        height = self.y + MARGIN
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        for x, y, width, tall, color in self.boxes:
            axes.add_patch(Rectangle((x, y), width, tall, facecolor=color, edgecolor="none"))
        for x, y, text, look in self.texts:
            axes.text(x, y, text, va="baseline", ha="left", **look)
        return figure


def plain(text: str) -> list[Run]:
    """Return a text as one run without a mark."""
    return [Run(text, PLAIN)]


def draw_case(view: CaseView) -> Any:
    """Lay a case out; call it inside :func:`recexplainer.style.figure_style`. Returns a matplotlib figure."""
    canvas = _Canvas()
    wide = WIDTH - 2 * MARGIN
    canvas.y = canvas.block(MARGIN, canvas.y, wide, plain(view.heading), 12, bold=True) + 5
    _header(canvas, view)
    for panel in view.panels:
        _panel(canvas, panel, view.judge)
    canvas.rule()
    canvas.y = canvas.block(MARGIN, canvas.y + 7, wide, list(LEGEND), SMALL, MUTED) + 3
    canvas.y = canvas.block(MARGIN, canvas.y, wide, plain(view.caption), SMALL, MUTED) - SMALL * (LINE - 1)
    return canvas.draw()


def _header(canvas: _Canvas, view: CaseView) -> None:
    """The history, the target item and the recommender's decision."""
    hidden = len(view.history) - HISTORY_SHOWN
    titles = [f"… and {hidden} before"] if hidden > 0 else []
    titles += view.history[-HISTORY_SHOWN:]
    facts = "  ·  ".join(f"{name}: {value}" for name, value in view.facts)
    x, width = MARGIN + SIDE + GAP, WIDTH - 2 * MARGIN - SIDE - GAP

    canvas.rule()
    canvas.y += 7
    canvas.block(MARGIN, canvas.y, SIDE, plain("History, oldest first"), SIZE, MUTED)
    canvas.y = canvas.block(x, canvas.y, width, plain("  ·  ".join(titles))) + 4
    canvas.block(MARGIN, canvas.y, SIDE, plain("Target item"), SIZE, MUTED)
    canvas.y = canvas.block(x, canvas.y, width, plain(view.target), bold=True)
    canvas.y = canvas.block(x, canvas.y, width, plain(facts), SMALL, MUTED) + 4
    canvas.block(MARGIN, canvas.y, SIDE, plain("Recommender"), SIZE, MUTED)
    canvas.y = canvas.block(x, canvas.y, width, plain(view.label), bold=True)
    canvas.y = canvas.block(x, canvas.y, width, plain(view.standing), SMALL, MUTED) + 6


def _panel(canvas: _Canvas, panel: Panel, judge: str) -> None:
    """The name, the decision and the rating on the left; the text and the remarks on the right."""
    canvas.rule()
    canvas.y += 8
    top, indent = canvas.y, 9.0
    x, width = MARGIN + SIDE + GAP, WIDTH - 2 * MARGIN - SIDE - GAP

    left = canvas.block(MARGIN + indent, top, SIDE - indent, plain(panel.name), SIZE + 0.5, bold=True) + 1
    verdict = [Run(panel.verdict, RIGHT if panel.right else WRONG), Run(" ✓" if panel.right else " ✗", PLAIN)]
    left = canvas.block(MARGIN + indent, left, SIDE - indent, verdict, SMALL) + 1
    if judge:
        rating = "Not rated" if panel.rating is None else f"{panel.rating} of 4  {'●' * panel.rating:○<4}"
        left = canvas.block(MARGIN + indent, left, SIDE - indent, plain(rating), SMALL, MUTED)

    right = canvas.block(x, top, width, plain(panel.note), SMALL, MUTED) + (3 if panel.note else 0)
    right = canvas.block(x, right, width, panel.runs or plain("(no text)")) + 2
    right = canvas.block(x, right, width, plain(" ".join(panel.remarks)), SMALL, MUTED)
    bottom = max(left, right)
    canvas.box(MARGIN, top, 3, bottom - top - 3, panel.color)
    canvas.y = bottom + 5


def write_images(view: CaseView, paths: Sequence[str | Path]) -> None:
    """Draw a case and write it once per path, as its suffix says."""
    with figure_style(view.synthetic):
        figure = draw_case(view)
        for path in paths:
            save_figure(figure, path)
