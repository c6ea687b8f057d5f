"""Fit the speed model's constants to the measured cells, by Gauss and Newton's least squares of relative errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.speed.queueing import Response, in_flight, response_at
from internvl_operator.planner.speed.service_times import ServiceTimes
from internvl_operator.planner.speed.speed_constants import CONSTANTS, Scope, SpeedConstants
from tests.accuracy.fit import least_squares

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.speed_accuracy.cells import Cell

_ROUNDS = 30
_STEP = 1e-4
_ENOUGH = 2e-3
"""Part of a constant below which a step changes no digit that is kept."""
_TTFT_WEIGHT = 0.3
"""Of a time to the first token, beside a rate's 1: it varies by a quarter between runs of one server."""

_IN_STEP_WEIGHT = 0.05
"""The same where clients ask again after answers of equal length: they stay in the order in which they began, and wait
as long as that makes them."""

_ARRIVALS_WEIGHT = 0.3
"""Of a time per token where requests came by themselves: near the ceiling a few more of them make it much longer."""

_SIGNIFICANT_DIGITS = 2
_MOST_OF_CEILING = 0.98


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the model says of a cell."""

    rate: float
    response: Response
    times: ServiceTimes


def predicted(cell: Cell, constants: SpeedConstants) -> Predicted:
    """Return what the model says of a cell with these constants."""
    times = ServiceTimes.of(cell.replica, cell.load, constants)
    if cell.load.concurrency is not None:
        return Predicted(*_in_flight(times, cell.load.concurrency), times)
    rate = cell.load.requests_per_second
    assert rate is not None
    # A rate that the model holds impossible is one that it knows as the most: the times say so.
    rate = min(rate, _MOST_OF_CEILING * times.ceiling)
    return Predicted(rate, response_at(times, rate), times)


_in_flight = lru_cache(1 << 15)(in_flight)
"""Many cells have the same times whichever of two values a constant has: those without images, or without AWQ."""


@dataclass(frozen=True, slots=True)
class Family:
    """The cells of one backend, with experts or without, and the constants that they determine.

    The other constants are another family's.
    """

    name: str
    backend: Backend
    fitted: tuple[str, ...]
    with_experts: bool = False

    def holds(self, cell: Cell) -> bool:
        """Tell whether a cell belongs here."""
        has_experts = cell.replica.language.experts is not None
        return cell.replica.backend is self.backend and has_experts == self.with_experts

    @property
    def committed(self) -> SpeedConstants:
        """The constants in use."""
        return CONSTANTS[self.backend]


TURBOMIND = Family(
    "turbomind",
    Backend.TURBOMIND,
    (
        "image_ms",
        "tile_ms",
        "loop_turns",
        "request_ms",
        "vision_efficiency",
        "wide_vision_efficiency",
        "prefill_efficiency",
        "awq_prefill_efficiency",
        "awq_reading_gb",
        "prompt_ms",
        "step_ms",
    ),
)
EXPERTS = Family("experts", Backend.TURBOMIND, ("expert_layer_ms",), with_experts=True)
PYTORCH = Family("pytorch", Backend.PYTORCH, ("vision_efficiency", "prompt_ms"))
FAMILIES = (TURBOMIND, EXPERTS, PYTORCH)


def fit(family: Family, cells: Iterable[Cell], base: SpeedConstants | None = None) -> SpeedConstants:
    """Return the constants that a family's cells determine, rounded as they are committed.

    Args:
        family: whose cells count.
        cells: of any family; those that are not to be fitted to do not count.
        base: has the constants that are not fitted, and where the search begins; None: those in use.
    """
    own = [cell for cell in cells if family.holds(cell) and cell.is_fitted]
    constants = base or family.committed
    for _ in range(_ROUNDS):
        here = _residuals(own, constants)
        columns = [
            [(after - before) / _STEP for before, after in zip(here, _residuals(own, changed), strict=True)]
            for changed in (_scaled(constants, name, 1 + _STEP) for name in family.fitted)
        ]
        rows = [list(row) for row in zip(*columns, strict=True)]
        # A step of at most half of a constant: farther away the slopes mean nothing.
        steps = [max(-0.5, min(0.5, step)) for step in _damped(rows, [-value for value in here])]
        for name, step in zip(family.fitted, steps, strict=True):
            constants = _scaled(constants, name, 1 + step)
        if max(map(abs, steps)) < _ENOUGH:
            break
    return replace(constants, **{name: _rounded(getattr(constants, name)) for name in family.fitted})


def scopes(cells: Iterable[Cell]) -> frozenset[Scope]:
    """Return what was measured."""
    return frozenset(cell.replica.scope for cell in cells)


def _residuals(cells: Sequence[Cell], constants: SpeedConstants) -> list[float]:
    """Return the logarithms of what is predicted over what was measured, weighted."""
    residuals = []
    for cell in cells:
        model = predicted(cell, constants)
        if cell.rate:
            residuals.append(log(model.rate / cell.rate))
        if cell.seconds_per_token:
            weight = 1.0 if cell.rate else _ARRIVALS_WEIGHT
            residuals.append(weight * log(model.response.per_token / cell.seconds_per_token))
        if cell.ttft_seconds:
            weight = _IN_STEP_WEIGHT if cell.is_in_step else _TTFT_WEIGHT
            residuals.append(weight * log(model.response.ttft / cell.ttft_seconds))
    return residuals


def _scaled(constants: SpeedConstants, name: str, factor: float) -> SpeedConstants:
    return replace(constants, **{name: getattr(constants, name) * factor})


def _damped(rows: list[list[float]], targets: list[float]) -> list[float]:
    """Return the least squares step, which stays small for a constant that the cells do not determine."""
    width = len(rows[0])
    damping = [[_DAMPING if row == column else 0.0 for column in range(width)] for row in range(width)]
    return least_squares([*rows, *damping], [*targets, *[0.0] * width])


_DAMPING = 0.02


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
