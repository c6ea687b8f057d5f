"""Measured loads as a picture: times over answered requests per second. Imported only when one is asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from internvl_operator.bench.latency_figures import PERCENTILES, Figures, Percentiles
from internvl_operator.bench.measured_load import MeasuredLoad
from internvl_operator.cli.plot.picture import BLUE, INK, ORANGE, PURPLE, gridded, picture

_STYLES = {50: (BLUE, "o", "-"), 95: (ORANGE, "s", "--"), 99: (PURPLE, "^", ":")}
"""Colour, marker and line style of each percentile: each of the three alone is enough to distinguish them."""

_PANELS: tuple[tuple[str, Callable[[Figures], Percentiles]], ...] = (
    ("time to first token", lambda figures: figures.ttft),
    ("time per token", lambda figures: figures.per_token),
    ("whole request", lambda figures: figures.request),
)

_INCHES = (12, 4.4)
_SHORT_SECONDS = 0.2
"""Below this, a panel counts in milliseconds."""


def draw(measured: Sequence[MeasuredLoad], path: Path) -> None:
    """Write a panel for each time, with a curve for each percentile and a point for each load.

    Raises:
        OSError: the file cannot be written.
    """
    loads = sorted(measured, key=lambda one: one.figures.requests_per_second)
    with picture(path, *_INCHES) as figure:
        panels = figure.subplots(1, len(_PANELS))
        for axes, (label, times) in zip(panels, _PANELS, strict=True):
            _panel(axes, loads, label, times)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
        figure.suptitle(_title(loads[0]), color=INK, fontsize=11)


def _panel(
    axes: Axes, loads: Sequence[MeasuredLoad], label: str, times: Callable[[Figures], Percentiles]
) -> None:
    gridded(axes)
    slowest = max(times(one.figures).p99 for one in loads)
    scale, unit = (1000, "ms") if slowest < _SHORT_SECONDS else (1, "s")
    rates = [one.figures.requests_per_second for one in loads]
    for percent in PERCENTILES:
        colour, mark, line = _STYLES[percent]
        values = [scale * getattr(times(one.figures), f"p{percent}") for one in loads]
        axes.plot(rates, values, line, marker=mark, markersize=5, color=colour, label=f"p{percent}")
    for one, rate in zip(loads, rates, strict=True):
        if one.load.concurrency is not None:
            place = (rate, scale * times(one.figures).p50)
            text = str(one.load.concurrency)
            axes.annotate(
                text, place, (0, -13), textcoords="offset points", ha="center", fontsize=8, color=INK
            )
    axes.set_xlim(0, 1.1 * max(rates))
    axes.set_ylim(0, 1.15 * scale * slowest)
    axes.set_xlabel("answered requests per second", color=INK)
    axes.set_title(f"{label}, {unit}", loc="left", color=INK, fontsize=10)


def _title(one: MeasuredLoad) -> str:
    _, _, form = str(one.load).partition(": ")
    numbers = "\nnumbers beneath the points: requests in flight" if one.load.concurrency is not None else ""
    return f"{one.model}: {form}{numbers}"
