"""The memory model against measured cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from internvl_operator.planner.memory.constants import Calibration
from internvl_operator.planner.memory.estimate import estimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.parallelism import check_parallelism
from tests.accuracy.cells import Cell
from tests.accuracy.fit import FAMILIES, Family, fit, predicted_used


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors of predictions."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of their sizes; 0 when there is none."""
        return mean(map(abs, self.values)) if self.values else 0.0

    @property
    def worst(self) -> float:
        """The largest size; 0 when there is none."""
        return max(map(abs, self.values), default=0.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the model does on some cells; ``wrong`` has those whose outcome it misses, with what it says."""

    cells: int
    used: Errors
    free_after_weights: Errors
    kv_cache: Errors
    wrong: tuple[tuple[Cell, Outcome], ...]


def compare(cells: Sequence[Cell]) -> Comparison:
    """Return how the planner does on some cells, as it is."""
    used, free, kv_cache, wrong = [], [], [], []
    for cell in cells:
        memory, outcome = estimate(cell.request), predicted_outcome(cell)
        if outcome is not cell.outcome:
            wrong.append((cell, outcome))
        if cell.used_mib is not None:
            used.append(memory.used_mib / cell.used_mib - 1)
        if cell.free_after_weights_mib is not None:
            free.append(memory.free_after_weights_mib / cell.free_after_weights_mib - 1)
        if cell.kv_cache_mib is not None:
            kv_cache.append(memory.kv_cache_mib / cell.kv_cache_mib - 1)
    return Comparison(
        cells=len(cells),
        used=Errors(tuple(used)),
        free_after_weights=Errors(tuple(free)),
        kv_cache=Errors(tuple(kv_cache)),
        wrong=tuple(wrong),
    )


def predicted_outcome(cell: Cell) -> Outcome:
    """Return what the planner says becomes of a cell."""
    request = cell.request
    refusal = check_parallelism(
        request.language, request.vision, request.awq, request.backend, request.tp, cell.engine
    )
    return Outcome.REJECTED if refusal else estimate(request).outcome


def leave_one_size_out(cells: Sequence[Cell], known: Sequence[Cell]) -> dict[tuple[Family, str], Errors]:
    """Return the errors of the used memory of each size, the constants fitted to other sizes alone.

    A size that is the only one of its family has no other sizes to fit to.

    Args:
        cells: the cells to predict.
        known: the cells to fit to.
    """
    errors: dict[tuple[Family, str], Errors] = {}
    for family in FAMILIES:
        own = [cell for cell in cells if family.holds(cell) and cell.used_mib is not None]
        for size in sorted({cell.size for cell in own}):
            others = [cell for cell in known if family.holds(cell) and cell.size != size]
            if others:
                constants = fit(family, others)
                errors[family, size] = _used_errors([cell for cell in own if cell.size == size], constants)
    return errors


def _used_errors(cells: Iterable[Cell], constants: Calibration) -> Errors:
    measured = ((cell, cell.used_mib) for cell in cells)
    return Errors(tuple(predicted_used(cell, constants) / used - 1 for cell, used in measured if used))
