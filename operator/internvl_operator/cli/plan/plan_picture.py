"""Plans as a picture: what fills one GPU, and how fast it is. Imported only when one is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from internvl_operator.cli.plot.picture import (
    BLUE,
    GREY,
    INK,
    MINT,
    ORANGE,
    SKY,
    YELLOW,
    bare,
    gridded,
    picture,
)
from internvl_operator.planner.plan import Plan

_INCHES_WIDE = 9.0
_BAR_INCHES, _SPEED_INCHES = 2.0, 2.8
_GIB = 1024
_NARROWEST_LABEL = 0.085
"""Share of the picture's width that a part needs to hold its own number."""

_MISSING = "missing"


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """How fast one replica is with a number of requests in flight; times in seconds."""

    in_flight: int
    requests_per_second: float
    ttft_seconds: float


@dataclass(frozen=True, slots=True)
class PlanPicture:
    """A plan, and its speed over requests in flight; without points there is no such panel."""

    plan: Plan
    speed: Sequence[SpeedPoint] = ()


def draw(pictures: Sequence[PlanPicture], path: Path) -> None:
    """Write a bar for each plan, as long as one GPU's memory, and beneath it its speed.

    Raises:
        OSError: the file cannot be written.
    """
    heights = [_BAR_INCHES + (_SPEED_INCHES if each.speed else 0) for each in pictures]
    with picture(path, _INCHES_WIDE, sum(heights)) as figure:
        parts = figure.subfigures(len(pictures), 1, height_ratios=heights, squeeze=False).flat
        for each, part in zip(pictures, parts, strict=True):
            if each.speed:
                above, beneath = part.subfigures(2, 1, height_ratios=(_BAR_INCHES, _SPEED_INCHES))
                rate, wait = beneath.subplots(1, 2)
                _speed(rate, wait, each.speed)
            else:
                above = part
            _memory(above.add_subplot(), each.plan)


def _memory(axes: Axes, plan: Plan) -> None:
    memory, total = plan.memory, plan.gpu_memory_mib
    whole = total + memory.shortfall_mib
    parts = [
        ("weights", memory.weights_mib, SKY),
        ("overhead", memory.overhead_mib, GREY),
        ("KV cache", memory.kv_cache_mib, MINT),
        ("working memory", memory.working_mib, YELLOW),
        ("free", memory.free_mib, "white"),
        (_MISSING, memory.shortfall_mib, ORANGE),
    ]
    parts = [(name, amount, colour) for name, amount, colour in parts if amount]
    end = 0
    for name, amount, colour in parts:
        axes.add_patch(Rectangle((end, 0), amount, 1, gid=name, **_look(name, colour)))
        if name != _MISSING and amount >= _NARROWEST_LABEL * whole:
            axes.text(end + amount / 2, 0.5, _gib(amount), ha="center", va="center", color=INK)
        end += amount
    if plan.is_ok:
        _reserve(axes, total - memory.free_mib - memory.working_mib, memory.reserve_mib, total)
    # A little more than the bar, whose edge is a line.
    axes.set_xlim(-0.002 * whole, 1.002 * whole)
    axes.set_ylim(-0.45, 1.02)
    axes.set_yticks([])
    axes.set_xticks([])
    bare(axes)
    axes.set_title(_title(plan), loc="left", color=INK, fontsize=11)
    axes.legend(
        handles=[
            Patch(label=f"{name}\n{_gib(amount)}", **_look(name, colour)) for name, amount, colour in parts
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0.02),
        ncols=len(parts),
        frameon=False,
        labelcolor=INK,
        fontsize=9,
        handlelength=1,
        handleheight=1,
        columnspacing=1.6,
        borderaxespad=0,
    )


def _look(name: str, colour: str) -> dict[str, Any]:
    if name == _MISSING:
        return {"facecolor": "white", "edgecolor": colour, "hatch": "///"}
    return {"facecolor": colour, "edgecolor": INK, "linewidth": 0.6}


def _reserve(axes: Axes, start: int, amount: int, total: int) -> None:
    """Mark what the first requests need of the memory behind the KV cache."""
    axes.plot(
        [start, start + amount], [-0.12, -0.12], color=BLUE, linewidth=3, solid_capstyle="butt", gid="reserve"
    )
    text = f"{_gib(amount)} reserved for the first requests"
    is_right = start > total / 2
    axes.text(
        start + amount if is_right else start,
        -0.2,
        text,
        ha="right" if is_right else "left",
        va="top",
        color=INK,
        fontsize=9,
    )


def _title(plan: Plan) -> str:
    weights = "AWQ" if plan.awq else "full precision"
    total = _gib(plan.gpu_memory_mib)
    head = f"{plan.model.name}, {weights}, on {plan.gpus} x {plan.product or 'GPU'}"
    if plan.memory.shortfall_mib:
        needed = plan.gpu_memory_mib + plan.memory.shortfall_mib
        return f"{head}: {plan.outcome}\n{_gib(needed)} needed of each GPU, which has {total}"
    if not plan.is_ok:
        return f"{head}: {plan.outcome}"
    tokens = plan.memory.kv_tokens
    return (
        f"{head}\n{_gib(plan.memory.used_mib)} used of each GPU's {total}, {tokens:,} tokens in the KV cache"
    )


def _speed(rate: Axes, wait: Axes, points: Sequence[SpeedPoint]) -> None:
    flights = [point.in_flight for point in points]
    _curve(rate, flights, [point.requests_per_second for point in points], "requests per second")
    _curve(wait, flights, [point.ttft_seconds for point in points], "time to first token, s")


def _curve(axes: Axes, flights: Sequence[int], values: Sequence[float], label: str) -> None:
    gridded(axes)
    axes.plot(flights, values, "-o", color=BLUE, markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(flights, [str(number) for number in flights])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("requests in flight at one replica", color=INK)
    axes.set_title(label, loc="left", color=INK, fontsize=10)


def _gib(mib: int) -> str:
    return f"{mib / _GIB:.1f} GiB"
