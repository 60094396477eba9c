"""One look for every figure: fonts, colours that colour-blind readers can tell apart, the same bytes on each run."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import atomic

INK, MUTED, FAINT = "#1a1c20", "#5c626b", "#d9dce1"
"""Text, secondary text, and rules or grid lines."""

RIGHT, WRONG, ITEM = "#00664a", "#b3261e", "#1a4f9c"
"""Dark green, red and blue, to be read as text on white. Never the only sign of their meaning: see the case figures."""

SYSTEM_COLORS = {
    "base": "#7a7f87",
    "chatgpt": "#cc79a7",
    "behavior": "#e69f00",
    "intention": "#56b4e9",
    "hybrid": "#0072b2",
}
"""The colour of each system, from the palette of Okabe and Ito, with a grey for the LLM that nothing was added to."""

SPARE_COLORS = ("#009e73", "#d55e00", "#f0e442", "#000000")
"""The rest of the palette, for other systems in the order in which they come."""

SYSTEM_LABELS = {
    "base": "Base LLM",
    "chatgpt": "ChatGPT",
    "behavior": "RecExplainer-B",
    "intention": "RecExplainer-I",
    "hybrid": "RecExplainer-H",
    "control": "Control",
}
"""What the paper calls the systems; the controls are ours."""

# The formats write their time or their maker unless told not to.
_METADATA = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


def system_colors(systems: Iterable[str]) -> dict[str, str]:
    """Return the colour of each system; those that :data:`SYSTEM_COLORS` does not name take the spare ones in order."""
    colors: dict[str, str] = {}
    spare = 0
    for system in systems:
        known = SYSTEM_COLORS.get(_mode(system, SYSTEM_COLORS))
        colors[system] = known or SPARE_COLORS[spare % len(SPARE_COLORS)]
        spare += known is None
    return colors


def system_label(system: str) -> str:
    """Return what readers call a system: ``hybrid`` and ``hybrid-full`` are RecExplainer-H; an unknown name is itself.

    An ablation is told by what it lacks: ``hybrid-no_retrieval_ranking`` is ``RecExplainer-H without retrieval,
    ranking``; ``control-copy`` is ``Control (copy)``.
    """
    mode = _mode(system, SYSTEM_LABELS)
    ablation = system[len(mode) + 1 :]
    label = SYSTEM_LABELS.get(mode, system)
    if ablation.startswith("no_"):
        return f"{label} without {ablation[3:].replace('_', ', ').replace('sharegpt', 'ShareGPT')}"
    return f"{label} ({ablation})" if ablation and ablation != "full" else label


def judge_label(judge: str) -> str:
    """Return what readers call a judge within a sentence: the rubric by what it is, a service by its name."""
    return "the offline rubric" if judge == "rubric" else judge


def _mode(system: str, known: dict[str, str]) -> str:
    """Return ``mode`` of a system called ``mode-ablation``, if the mode is known; else the whole name."""
    mode = system.split("-", 1)[0]
    return mode if mode in known else system


MARK = 0.3
"""Height of the strip that says what of a figure is made up, in inches."""

_synthetic: ContextVar[str] = ContextVar("synthetic", default="")


@contextmanager
def figure_style(synthetic: str = "") -> Iterator[None]:
    """Set matplotlib's options for the figures drawn inside the block, and put them back after it.

    The font is the one that matplotlib brings along, so that a figure does not depend on the machine.

    Args:
        synthetic: what of the figures is made up; a strip below each figure that is saved inside the block says so.
    """
    import matplotlib

    options = {
        "font.family": ["DejaVu Sans"],
        "font.size": 9.0,
        "text.color": INK,
        "text.hinting": "no_hinting",  # letters as far apart in PNG as in SVG
        "text.parse_math": False,  # a dollar sign in a title is a dollar sign
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10.0,
        "axes.labelsize": 9.0,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.prop_cycle": matplotlib.cycler(color=[*SYSTEM_COLORS.values(), *SPARE_COLORS]),
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "lines.linewidth": 1.6,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "figure.facecolor": "white",
        "figure.figsize": (7.0, 3.6),
        "figure.dpi": 100.0,
        "savefig.dpi": 200.0,
        "savefig.facecolor": "white",
        "svg.fonttype": "path",  # letters as outlines: the same picture without the font
        "svg.hashsalt": "recexplainer",  # identifiers inside the file are random otherwise
        "pdf.fonttype": 42,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(options)
        token = _synthetic.set(synthetic)
        try:
            yield
        finally:
            _synthetic.reset(token)


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a matplotlib figure as its suffix says, whole or not at all; the same figure gives the same bytes.

    Call it inside :func:`figure_style`, on a ``matplotlib.figure.Figure`` made there: without ``pyplot`` no window
    system is touched, and nothing has to be closed.

    Args:
        figure: the figure. Its size is kept, but for the strip of what is synthetic; room around it is its author's
            business.
        path: ends in ``.svg``, ``.pdf`` or ``.png``.

    Raises:
        InputError: another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise InputError(f"{path}: figures end in {', '.join(_METADATA)}. Give the output another name.")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table of every font
    with atomic(path) as temporary:
        box = _marked(figure, _synthetic.get()) if _synthetic.get() else None
        figure.savefig(temporary, format=suffix[1:], metadata=_METADATA[suffix], bbox_inches=box)


def _marked(figure: Any, note: str) -> Any:
    """Draw a strip with a note below a figure, once; return what is to be saved, in inches."""
    import textwrap

    from matplotlib.patches import Rectangle
    from matplotlib.transforms import Bbox

    width, height = figure.get_size_inches()
    lines = textwrap.wrap(note, max(20, int(width * 15)))
    strip = MARK + 0.14 * (len(lines) - 1)
    if not any(artist.get_gid() == "synthetic" for artist in figure.artists):
        # What is laid out stays where it is: a legend at the lower edge must not move down into the strip.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for legend in figure.legends:
            legend.set_bbox_to_anchor((0, 0, 1, 1), figure.transFigure)
        place = (0, -strip / height)
        back = Rectangle(place, 1, strip / height, transform=figure.transFigure, facecolor="#ffe9a8", gid="synthetic")
        figure.add_artist(back)
        figure.text(0.5, place[1] / 2, "\n".join(lines), ha="center", va="center", fontsize=8, color="#3d2c00")
    return Bbox([[0, -strip], [width, height]])
