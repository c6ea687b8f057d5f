"""The speed model against measured cells, and each part of the cells from the constants of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from internvl_operator.planner.speed.speed_constants import SpeedConstants
from internvl_operator.planner.speed.speed_estimate import Limit, limit_of
from tests.accuracy.comparison import Errors
from tests.speed_accuracy.cells import Cell
from tests.speed_accuracy.fit import FAMILIES, TURBOMIND, Family, fit, predicted


@dataclass(frozen=True, slots=True)
class Comparison:
    """Relative errors of what is predicted of some cells.

    Args:
        worst: the cell with the largest error of the time to the first token.
    """

    cells: int
    rate: Errors
    ttft: Errors
    per_token: Errors
    worst: Cell


def compare(cells: Sequence[Cell]) -> Comparison:
    """Return how the model does on some cells with the constants in use."""
    return _compared([(cell, _family_of(cell).committed) for cell in cells])


def by(cells: Iterable[Cell], key: Callable[[Cell], str]) -> dict[str, list[Cell]]:
    """Return the cells in groups, in the order in which the groups first come."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def leave_out(cells: Sequence[Cell], key: Callable[[Cell], str]) -> dict[str, Comparison]:
    """Return how the model does on each group of the fitted cells, its constants fitted to the other groups alone.

    A backend whose only cells are in one group is predicted by the other backend's constants.
    """
    fitted = [cell for cell in cells if cell.is_fitted]
    compared = {}
    for group, own in by(fitted, key).items():
        others = [cell for cell in fitted if key(cell) != group]
        turbomind = fit(TURBOMIND, others)
        constants = {
            family: fit(family, others, turbomind)
            if family is not TURBOMIND and any(map(family.holds, others))
            else turbomind
            for family in FAMILIES
        }
        compared[group] = _compared([(cell, constants[_family_of(cell)]) for cell in own])
    return compared


def load_of(cell: Cell) -> str:
    """Return what is left out together: the runs of one size and backend under one load."""
    images = f"{cell.load.images} x {cell.load.tiles} tiles" if cell.load.images else "text"
    awq = "-AWQ" if cell.replica.awq else ""
    return f"{cell.size}{awq} {cell.replica.backend}, {images}, {cell.offered}"


def size_of(cell: Cell) -> str:
    """Return a cell's size."""
    return f"{cell.size}-AWQ" if cell.replica.awq else cell.size


def limit(cell: Cell) -> Limit:
    """Return what the model says that bounds a cell."""
    return limit_of(predicted(cell, _family_of(cell).committed).times)


def _family_of(cell: Cell) -> Family:
    return next(family for family in FAMILIES if family.holds(cell))


def _compared(cells: Sequence[tuple[Cell, SpeedConstants]]) -> Comparison:
    rate, ttft, per_token = [], [], []
    ttft_error = {}
    for cell, constants in cells:
        model = predicted(cell, constants)
        if cell.rate:
            rate.append(model.rate / cell.rate - 1)
        if cell.ttft_seconds:
            ttft.append(model.response.ttft / cell.ttft_seconds - 1)
            ttft_error[id(cell)] = abs(ttft[-1])
        if cell.seconds_per_token:
            per_token.append(model.response.per_token / cell.seconds_per_token - 1)
    return Comparison(
        cells=len(cells),
        rate=Errors(tuple(rate)),
        ttft=Errors(tuple(ttft)),
        per_token=Errors(tuple(per_token)),
        worst=max((cell for cell, _ in cells), key=lambda cell: ttft_error.get(id(cell), 0.0)),
    )
