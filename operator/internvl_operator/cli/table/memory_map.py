"""The memory table as a map of sizes and GPUs. Imported only when one is asked for."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex

from internvl_operator.cli.plot.colour_map import MapCell, draw_map, key
from internvl_operator.cli.plot.picture import INK, picture
from internvl_operator.cli.table.memory_table import MemoryCell
from internvl_operator.planner.outcome import Outcome

_INCHES_PER_COLUMN, _INCHES_PER_ROW = 0.62, 0.36
_INCHES_BESIDE, _INCHES_ABOVE = 2.4, 1.7
_GIB = 1024

_SMALLEST_INCHES = (9.5, 3.2)
"""Room for the title, the legend and the name of the scale."""

_FONT = 8.5

_FULLNESS = LinearSegmentedColormap.from_list("fullness", ["#f4f9fd", "#a9d5f0", "#55a8dc"])
"""From an empty to a full GPU, by lightness alone; the darkest is light enough for dark text."""

_SHORT = {Outcome.OOM: "oom", Outcome.NO_KV_FOR_SESSION: "no KV", Outcome.REJECTED: "-"}
"""Outcomes in a narrow cell."""

_OUTCOMES = (
    "does not run: oom, out of memory; no KV, too small a KV cache for a session; -, refused by the engine\n"
    "* runs, but without room for a session"
)


def draw(cells: Sequence[MemoryCell], path: Path) -> None:
    """Write a map: a row for each size and quantization, a column for each number of GPUs and share of the KV cache.

    Raises:
        OSError: the file cannot be written.
    """
    pool = cells[0].candidate.pool
    columns = list(dict.fromkeys((cell.candidate.tp, cell.ratio) for cell in cells))
    rows = {
        name: {(cell.candidate.tp, cell.ratio): cell for cell in row} for name, row in groupby(cells, _name)
    }
    drawn = [
        [_cell(row[column], pool.memory_mib) if column in row else None for column in columns]
        for row in rows.values()
    ]
    width = max(_SMALLEST_INCHES[0], _INCHES_BESIDE + _INCHES_PER_COLUMN * len(columns))
    height = max(_SMALLEST_INCHES[1], _INCHES_ABOVE + _INCHES_PER_ROW * len(rows))
    with picture(path, width, height) as figure:
        axes = figure.add_subplot()
        draw_map(axes, list(rows), [f"{ratio:g}" for _, ratio in columns], drawn, _FONT)
        _name_gpus(axes, [tp for tp, _ in columns])
        figure.suptitle(
            f"GiB used of each {pool.product or 'GPU'} ({pool.memory_mib / _GIB:.0f} GiB), "
            "by number of GPUs and cacheMaxEntryCount",
            x=0.01,
            ha="left",
            color=INK,
            fontsize=11,
        )
        figure.legend(
            handles=key([(_OUTCOMES, None)]),
            loc="outside lower left",
            frameon=False,
            labelcolor=INK,
            fontsize=9,
        )
        bar = figure.colorbar(ScalarMappable(Normalize(0, 100), _FULLNESS), ax=axes, fraction=0.03, pad=0.02)
        bar.set_label("% of the GPU's memory", color=INK)
        bar.outline.set_visible(False)


def _name_gpus(axes: Axes, numbers: Sequence[int]) -> None:
    """Write the numbers of GPUs above the columns that they share, which lines part."""
    for number, group in groupby(enumerate(numbers), lambda item: item[1]):
        places = [place for place, _ in group]
        centre = (places[0] + places[-1] + 1) / 2
        text = f"{number} GPU{'s' * (number > 1)}"
        axes.text(centre, -0.75, text, ha="center", va="bottom", color=INK, fontweight="bold")
        if places[0]:
            axes.axvline(places[0], color=INK, linewidth=1)


def _name(cell: MemoryCell) -> str:
    return f"{cell.size} AWQ" if cell.candidate.awq else cell.size


def _cell(cell: MemoryCell, total: int) -> MapCell:
    if cell.used_mib is None:
        return MapCell(_SHORT[cell.candidate.outcome], None)
    mark = "*" if cell.candidate.outcome is Outcome.SESSION_EXCEEDS_KV else ""
    return MapCell(f"{cell.used_mib / _GIB:.1f}{mark}", to_hex(_FULLNESS(cell.used_mib / total)))
