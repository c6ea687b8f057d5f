"""The memory table as a picture. Imported only when one is asked for: matplotlib is an optional extra."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from internvl_operator.cli.table.memory_table import MemoryCell

_INCHES_PER_CELL = 0.16


def draw(cells: Sequence[MemoryCell], path: str) -> None:
    """Write a bar for each cell, as long as the memory that it uses; what does not run has its outcome instead.

    Raises:
        OSError: the file cannot be written.
    """
    total = max(cell.candidate.pool.memory_mib for cell in cells)
    figure = Figure(figsize=(9, 1.5 + _INCHES_PER_CELL * len(cells)), layout="constrained")
    axes = figure.add_subplot()
    positions = range(len(cells))
    axes.barh(positions, [cell.used_mib or 0 for cell in cells])
    axes.set_yticks(positions, [_label(cell) for cell in cells], fontsize=7)
    for position, cell in zip(positions, cells, strict=True):
        text = cell.candidate.outcome if cell.used_mib is None else cell.used_mib
        axes.annotate(f" {text}", (cell.used_mib or 0, position), fontsize=6, va="center")
    axes.axvline(total, linestyle="--")
    axes.set_xlim(0, 1.15 * total)
    axes.set_xlabel(f"MiB used of one GPU with {total} MiB")
    axes.invert_yaxis()
    axes.margins(y=0)
    figure.savefig(path)


def _label(cell: MemoryCell) -> str:
    awq = " AWQ" if cell.candidate.awq else ""
    return f"{cell.size}{awq}, tp {cell.candidate.tp}, {cell.ratio:g}"
