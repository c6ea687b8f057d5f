"""Measured cells: one configuration of an engine, what became of it and the memory that it took."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import INTERNVL2, MODELS, Backend
from internvl_operator.planner.memory.estimate import MemoryRequest
from internvl_operator.planner.outcome import Outcome

MEASUREMENTS = Path(__file__).parent.parent / "measurements"
A100 = MEASUREMENTS / "a100-80gb-seed-table.csv"
H200 = MEASUREMENTS / "h200-lmdeploy-0.18.0.csv"
H200_EDGES = MEASUREMENTS / "h200-lmdeploy-0.18.0-edges.csv"
H200_SERIES = MEASUREMENTS / "h200-lmdeploy-0.18.0-series.csv"
FITTED_TABLES = (A100, H200, H200_EDGES)
"""InternVL2, to which the constants are fitted."""
TABLES = (*FITTED_TABLES, H200_SERIES)
"""All: the further series are predicted by the constants of InternVL2."""

Row = Mapping[str, str]

_A100_TABLE = {
    "engine": "0.5.3",
    "gpu_memory_mib": "81920",
    "session_len": "8192",
    "max_batch_size": "128",
    "quant_policy": "0",
    "free_after_weights_mib": "",
    "kv_budget_mib": "",
}
"""What the A100 table has in its title and not in columns."""

_H200_TABLE = {"engine": "0.18.0"}

_OUTCOMES = {"no_output": Outcome.NO_KV_FOR_SESSION} | {str(outcome): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured configuration; memory per GPU in MiB, None where it was not measured.

    ``size`` is as ``Model.short_name`` has it.
    """

    series: str
    size: str
    engine: Engine
    request: MemoryRequest
    ratio: float
    outcome: Outcome
    used_mib: float | None
    free_after_weights_mib: float | None
    kv_cache_mib: float | None

    def __str__(self) -> str:
        request = self.request
        return (
            f"{self.size}{'-AWQ' if request.awq else ''} tp {request.tp} on {request.gpu_memory_mib} MiB at "
            f"{self.ratio}, session {request.options.session_len}, batch {request.options.max_batch_size}"
        )


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a CSV file of either form, told apart by the header.

    Raises:
        ValueError: the header is of neither form.
    """
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        header = set(rows.fieldnames or ())
        if "used_ready_mib" in header:
            return [_read_cell(_H200_TABLE | row) for row in rows]
        if "used_mib" in header:
            return [_read_cell(_A100_TABLE | row | {"used_ready_mib": row["used_mib"]}) for row in rows]
        raise ValueError(f"{path} is no table of measured cells: its header is {sorted(header)}")


def _read_cell(row: Row) -> Cell:
    model, release = MODELS[row.get("series", INTERNVL2), row["size"]], engine(row["engine"])
    preferred = release.backends_for(model.language.architecture)[0]
    ratio = float(row["cache_max_entry_count"])
    return Cell(
        series=model.series,
        size=model.short_name,
        engine=release,
        request=MemoryRequest(
            language=model.language,
            vision=model.vision,
            awq=row["quantization"] == "awq",
            backend=Backend(row.get("backend", preferred)),
            tp=int(row["tp"]),
            gpu_memory_mib=int(row["gpu_memory_mib"]),
            options=EngineOptions(
                session_len=int(row["session_len"]),
                max_batch_size=int(row["max_batch_size"]),
                quant_policy=int(row["quant_policy"]),
                cache_max_entry_count=ratio,
            ),
            max_prefill_token_num=int(
                row.get("max_prefill_token_num", release.default_max_prefill_token_num)
            ),
            native_vision=release.native_vision,
            truncates_session=release.truncates_session,
            replicates_vocabulary=release.replicates_vocabulary,
        ),
        ratio=ratio,
        outcome=_OUTCOMES[row["outcome"]],
        used_mib=_number(row["used_ready_mib"]),
        free_after_weights_mib=_number(row["free_after_weights_mib"]),
        kv_cache_mib=_number(row["kv_budget_mib"]),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
