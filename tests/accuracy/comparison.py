"""The memory model against measured cells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from internvl_operator.planner.memory.constants import Calibration
from internvl_operator.planner.memory.estimate import estimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.parallelism import check_parallelism
from tests.accuracy.cells import Cell
from tests.accuracy.fit import FAMILIES, Family, UndeterminedError, fit, predicted_used


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


def leave_out(
    cells: Sequence[Cell], known: Sequence[Cell], group_of: Callable[[Cell], str]
) -> dict[tuple[Family, str], Errors]:
    """Return the errors of the used memory of each group, the constants fitted to the other groups alone.

    A group without which the constants of its family cannot be told is left out: the only group, and InternVL2 among
    the series, which alone has cells with several GPUs.

    Args:
        cells: the cells to predict.
        known: the cells to fit to.
        group_of: names the group of a cell, such as its size.
    """
    errors: dict[tuple[Family, str], Errors] = {}
    for family in FAMILIES:
        own = [cell for cell in cells if family.holds(cell) and cell.used_mib is not None]
        for group in sorted(set(map(group_of, own))):
            others = [cell for cell in known if family.holds(cell) and group_of(cell) != group]
            try:
                constants = fit(family, others)
            except UndeterminedError:
                continue
            errors[family, group] = _used_errors([cell for cell in own if group_of(cell) == group], constants)
    return errors


def size_of(cell: Cell) -> str:
    """Return a cell's size, with the series where that is not InternVL2."""
    return cell.size


def series_of(cell: Cell) -> str:
    """Return a cell's series."""
    return cell.series


def _used_errors(cells: Iterable[Cell], constants: Calibration) -> Errors:
    measured = ((cell, cell.used_mib) for cell in cells)
    return Errors(tuple(predicted_used(cell, constants) / used - 1 for cell, used in measured if used))
