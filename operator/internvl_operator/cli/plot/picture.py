"""How every picture looks, and how it is written. Imported only when one is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK = "#1f2328"
"""Of text, on white and on the colours of areas."""

FAINT = "#d0d7de"
"""Lines of a grid."""

BLUE, ORANGE, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
"""Colours of curves and markers, distinct for any colour vision (Okabe and Ito, 2008)."""

SKY, MINT, YELLOW, GREY = "#7cc4ee", "#7fd1b9", "#f0e442", "#c4cad1"
"""Of areas: the same, light enough for dark text."""

_STYLE: dict[str, Any] = {
    # Text stays text: it can be searched and read aloud, and the file is small.
    "svg.fonttype": "none",
    # The same picture is the same file.
    "svg.hashsalt": "internvl",
}
_DOTS_PER_INCH = 144
_BETWEEN_ROWS = 0.06
"""Share of the height."""


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure to draw into, and write it in the format that the file's name says.

    The user's own settings of matplotlib do not change it, and the same picture gives the same bytes.

    Args:
        path: of the file.
        width: in inches.
        height: in inches.

    Raises:
        OSError: the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(hspace=_BETWEEN_ROWS))
        yield figure
        figure.savefig(path, format=kind, dpi=_DOTS_PER_INCH, metadata=undated, facecolor="white")


def bare(axes: Axes) -> None:
    """Remove the frame of a panel, and colour its text with INK."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, colors=INK, labelcolor=INK)


def gridded(axes: Axes) -> None:
    """Leave a panel its two axes, with a faint grid behind the curves."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelcolor=INK)
