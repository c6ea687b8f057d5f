"""The memory table: one GPU's memory for each size, number of GPUs, quantization and share of the KV cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from internvl_operator.catalog.engine_options import TENSOR_PARALLELISM
from internvl_operator.catalog.engines import engine
from internvl_operator.cli.inputs.gpu_options import gpus_of
from internvl_operator.planner.candidates import Candidate, evaluate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest

_RUNS = (Outcome.OK, Outcome.SESSION_EXCEEDS_KV)
"""Outcomes with which the server comes up. With the second it uses the memory shown, but serves no full session."""


@dataclass(frozen=True, slots=True)
class MemoryCell:
    """What a model on some GPUs needs, with a given share of the free memory for the KV cache (``ratio``).

    ``size`` is as ``Model.short_name`` has it.
    """

    size: str
    ratio: float
    candidate: Candidate

    @property
    def used_mib(self) -> int | None:
        """Memory of one GPU with the server up; None when it does not come up."""
        return self.candidate.memory.used_mib if self.candidate.outcome in _RUNS else None


def memory_cells(request: PlanRequest, ratios: Sequence[float]) -> Iterator[MemoryCell]:
    """Yield the cells of one size, row by row.

    Raises:
        ValueError: the request names no GPU.
    """
    release = engine(request.engine)
    (pool,) = gpus_of(request.gpu).pools
    for awq in (False, True) if request.model.awq_repository else (False,):
        for tp in TENSOR_PARALLELISM:
            if tp <= pool.count:
                for ratio in ratios:
                    given = request.with_options(cache_max_entry_count=ratio)
                    yield MemoryCell(request.model.short_name, ratio, evaluate(given, release, pool, awq, tp))


def memory_rows(cells: Sequence[MemoryCell]) -> list[list[str]]:
    """Return a table for people: a column for each share of the KV cache."""
    ratios = list(dict.fromkeys(cell.ratio for cell in cells))
    rows = [["size", "GPUs", "AWQ", *(f"{ratio:g}" for ratio in ratios)]]
    for (size, awq, tp), row in groupby(cells, key=_row):
        rows.append([size, str(tp), "yes" if awq else "no", *(_text(cell) for cell in row)])
    return rows


def memory_csv(cells: Sequence[MemoryCell]) -> list[list[str]]:
    """Return a table for programs: a row for each cell."""
    rows = [["size", "tp", "quantization", "cache_max_entry_count", "outcome", "used_mib"]]
    for cell in cells:
        candidate = cell.candidate
        used = "" if cell.used_mib is None else str(cell.used_mib)
        quantization = candidate.quantization.lower()
        rows.append(
            [cell.size, str(candidate.tp), quantization, f"{cell.ratio:g}", str(candidate.outcome), used]
        )
    return rows


def _row(cell: MemoryCell) -> tuple[str, bool, int]:
    return (cell.size, cell.candidate.awq, cell.candidate.tp)


def _text(cell: MemoryCell) -> str:
    outcome = cell.candidate.outcome
    if cell.used_mib is None:
        return str(outcome)
    return str(cell.used_mib) if outcome is Outcome.OK else f"{cell.used_mib} ({outcome})"
