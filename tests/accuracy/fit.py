"""Fit the memory model's constants to the measured cells: ``python -m tests.accuracy.fit``.

The model is affine in its constants, so weighted least squares gives them at once; each equation is divided
by what was measured, so that relative errors count.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory.constants import Calibration, calibration
from internvl_operator.planner.memory.footprint import footprint_of
from internvl_operator.planner.outcome import Outcome
from tests.accuracy.cells import FITTED_TABLES, Cell, read_cells


@dataclass(frozen=True, slots=True)
class Family:
    """The cells of one engine generation on one backend, and the constants that they determine."""

    name: str
    backend: Backend
    native_vision: bool
    fitted: tuple[str, ...]

    def holds(self, cell: Cell) -> bool:
        """Tell whether a cell belongs here."""
        return cell.request.backend is self.backend and cell.request.native_vision is self.native_vision

    @property
    def committed(self) -> Calibration:
        """The constants in use."""
        return calibration(self.backend, native_vision=self.native_vision)


FAMILIES = (
    Family(
        "turbomind from 0.16",
        Backend.TURBOMIND,
        native_vision=True,
        fitted=("context_mib", "runtime_mib", "communication_mib", "awq_expansion", "awq_scales"),
    ),
    Family("pytorch from 0.16", Backend.PYTORCH, native_vision=True, fitted=("context_mib", "runtime_mib")),
    Family(
        "turbomind to 0.15",
        Backend.TURBOMIND,
        native_vision=False,
        fitted=("context_mib", "runtime_mib", "communication_mib"),
    ),
    Family(
        "pytorch to 0.15",
        Backend.PYTORCH,
        native_vision=False,
        fitted=("context_mib", "runtime_mib", "communication_mib"),
    ),
)
"""The constants that are not fitted come from another family: see constants.py."""


def fit(family: Family, cells: Iterable[Cell]) -> Calibration:
    """Return the constants that a family's cells determine, rounded as they are committed.

    Raises:
        UndeterminedError: they do not determine all of them.
    """
    base = family.committed
    units = [replace(base, **{name: getattr(base, name) + 1.0}) for name in family.fitted]
    rows, targets = [], []
    for equation in _equations(cell for cell in cells if family.holds(cell)):
        here = equation.predict(equation.cell, base)
        changes = [equation.predict(equation.cell, unit) - here for unit in units]
        rows.append([change / equation.measured for change in changes])
        targets.append(1 - here / equation.measured)
    solution = zip(family.fitted, least_squares(rows, targets), strict=True)
    return replace(base, **{name: _rounded(name, getattr(base, name) + value) for name, value in solution})


def predicted_used(cell: Cell, constants: Calibration) -> float:
    """Return the used memory of a cell in MiB, before rounding."""
    return footprint_of(cell.request, constants).used(cell.request.gpu_memory_mib, cell.ratio)


def predicted_free(cell: Cell, constants: Calibration) -> float:
    """Return what is free after the weights of a cell in MiB, before rounding."""
    return footprint_of(cell.request, constants).free_after_weights(cell.request.gpu_memory_mib)


def predicted_kv_cache(cell: Cell, constants: Calibration) -> float:
    """Return the KV cache of a cell in MiB, before rounding."""
    return footprint_of(cell.request, constants).kv_cache(predicted_free(cell, constants), cell.ratio)


@dataclass(frozen=True, slots=True)
class _Equation:
    predict: Callable[[Cell, Calibration], float]
    cell: Cell
    measured: float


def _equations(cells: Iterable[Cell]) -> Iterator[_Equation]:
    for cell in cells:
        if cell.used_mib is not None:
            yield _Equation(predicted_used, cell, cell.used_mib)
        if cell.free_after_weights_mib is not None and cell.outcome is not Outcome.REJECTED:
            yield _Equation(predicted_free, cell, cell.free_after_weights_mib)
        elif cell.kv_cache_mib is not None:
            yield _Equation(predicted_kv_cache, cell, cell.kv_cache_mib)


class UndeterminedError(ValueError):
    """The equations leave an unknown open."""


def least_squares(rows: Sequence[Sequence[float]], targets: Sequence[float]) -> list[float]:
    """Return the x that makes ``rows · x`` come nearest to the targets, by the normal equations.

    Raises:
        UndeterminedError: more than one x does.
    """
    columns = list(zip(*rows, strict=True))
    if not columns:
        raise UndeterminedError
    system = [[_dot(a, b) for b in columns] + [_dot(a, targets)] for a in columns]
    for pivot in range(len(system)):
        system[pivot:] = sorted(system[pivot:], key=lambda row: -abs(row[pivot]))
        if not system[pivot][pivot]:
            raise UndeterminedError
        head = [value / system[pivot][pivot] for value in system[pivot]]
        system = [
            head if index == pivot else [value - row[pivot] * h for value, h in zip(row, head, strict=True)]
            for index, row in enumerate(system)
        ]
    return [row[-1] for row in system]


def _dot(a: Iterable[float], b: Iterable[float]) -> float:
    return sum((x * y for x, y in zip(a, b, strict=True)), 0.0)


def _rounded(name: str, value: float) -> float:
    return float(round(value)) if name.endswith("_mib") else round(value, 1)


def main() -> int:
    """Print the refitted constants beside the committed ones; return 1 when they differ."""
    cells = [cell for path in FITTED_TABLES for cell in read_cells(path)]
    differ = False
    for family in FAMILIES:
        refitted = fit(family, cells)
        for name in family.fitted:
            committed, value = getattr(family.committed, name), getattr(refitted, name)
            differ |= committed != value
            remark = "" if committed == value else f"not {committed:g}"
            print(f"{family.name:20} {name:20} {value:8g} {remark}")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
