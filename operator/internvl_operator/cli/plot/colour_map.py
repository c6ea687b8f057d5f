"""A map of coloured cells with text in them. Imported only when a picture is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from internvl_operator.cli.plot.picture import INK, bare

NO_COLOUR = "#eceff2"
"""The colour of a cell without a value; stripes mark it too, for readers who cannot see the colour."""

_STRIPES, _STRIPE_COLOUR = "////", "#c4cad1"


@dataclass(frozen=True, slots=True)
class MapCell:
    """A cell.

    Args:
        text: in it, of one or two lines.
        colour: behind it; None where something does not run, which is striped.
    """

    text: str
    colour: str | None


def draw_map(
    axes: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[MapCell | None]],
    font: float,
) -> None:
    """Draw a map into a panel: the names of the rows to the left, those of the columns above.

    Args:
        axes: the panel.
        rows: their names.
        columns: their names.
        cells: of each row; None where there is nothing to say.
        font: size of the cells' text in points.
    """
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            if cell is not None:
                _draw_cell(axes, row, column, cell, font)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([number + 0.5 for number in range(len(columns))], columns)
    axes.set_yticks([number + 0.5 for number in range(len(rows))], rows)
    axes.xaxis.tick_top()
    bare(axes)


def key(colours: Sequence[tuple[str, str | None]]) -> list[Patch]:
    """Return the entries of a legend: names and the colours that they stand for."""
    return [
        Patch(label=name, facecolor=colour, edgecolor="none")
        if colour
        else Patch(label=name, facecolor=NO_COLOUR, edgecolor=_STRIPE_COLOUR, hatch=_STRIPES, linewidth=0)
        for name, colour in colours
    ]


def _draw_cell(axes: Axes, row: int, column: int, cell: MapCell, font: float) -> None:
    place, size = (column + 0.03, row + 0.04), (0.94, 0.92)
    runs = {"facecolor": cell.colour, "edgecolor": "none"}
    striped = {"facecolor": NO_COLOUR, "edgecolor": _STRIPE_COLOUR, "hatch": _STRIPES, "linewidth": 0}
    axes.add_patch(Rectangle(place, *size, **(runs if cell.colour else striped)))
    axes.text(column + 0.5, row + 0.5, cell.text, ha="center", va="center", color=INK, fontsize=font)
