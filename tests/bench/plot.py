"""Time, CPU and memory over the number of resources, as a picture."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.report import Report, Run


def draw(report: Report, path: Path) -> None:
    """Write an SVG with a panel each for seconds, CPU seconds and memory; each point is a run's, the line the median.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    seconds, cpu, memory = figure.subplots(1, 3)
    for phase, colour in (("cold", "C0"), ("hot", "C1")):
        _line(seconds, report, phase, colour, partial(_seconds, phase=phase))
        _line(seconds, report, f"{phase}, bare client", colour, partial(_limit, phase=phase), "--")
        _line(cpu, report, phase, colour, partial(_cpu_seconds, phase=phase))
    _line(memory, report, "peak", "C0", lambda run: run.rss_mib)
    for axes, label in ((seconds, "seconds to converge"), (cpu, "CPU seconds"), (memory, "MiB resident")):
        axes.set_xlabel("resources")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend()
    figure.savefig(path, metadata={"Date": None})


def _line(
    axes: Axes,
    report: Report,
    label: str,
    colour: str,
    figure: Callable[[Run], float],
    style: str = "-",
) -> None:
    medians = [median(report.values(count, figure)) for count in report.counts]
    axes.plot(report.counts, medians, style, color=colour, label=label)
    axes.plot([run.count for run in report.runs], [figure(run) for run in report.runs], ".", color=colour)


def _seconds(run: Run, phase: str) -> float:
    return run.phases[phase].seconds


def _limit(run: Run, phase: str) -> float:
    return run.limits[phase]


def _cpu_seconds(run: Run, phase: str) -> float:
    return run.phases[phase].cpu_seconds
