"""Measured cells of serving speed: one server, the load that it got and what it did."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.catalog.hardware.gpu_speeds import speed_of
from internvl_operator.catalog.models import MODELS, Backend, Model
from internvl_operator.catalog.tiling import tile_count
from internvl_operator.library import plan
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.replica import Replica

MEASUREMENTS = Path(__file__).parent.parent / "measurements"
TABLES = (
    MEASUREMENTS / "h100-serving-speed-lmdeploy-0.18.0.csv",
    MEASUREMENTS / "h100-serving-speed-lmdeploy-0.18.0-first-runs.csv",
    MEASUREMENTS / "h200-serving-speed-lmdeploy-0.18.0.csv",
    MEASUREMENTS / "h200-serving-speed-lmdeploy-0.18.0-large.csv",
    MEASUREMENTS / "h200-serving-speed-lmdeploy-0.18.0-arrivals.csv",
)
HELD_BACK = (MEASUREMENTS / "h200-serving-speed-lmdeploy-0.18.0-held-back.csv",)
"""Loads that were measured after the model, and that nothing is fitted to."""

_REPOSITORIES: Mapping[str, tuple[Model, bool]] = {
    repository.rpartition("/")[2]: (model, repository == model.awq_repository)
    for model in MODELS.values()
    for repository in (model.repository, model.awq_repository)
    if repository
}
"""Models by the last part of a repository's name, and whether that is the AWQ one."""

_RENDERED_THREADS = 2
_LEAST_CORES = 3
"""The request of a rendered container: with fewer it is another container."""

_DISPERSED_AFTER = 2
"""Requests of each client after which the clients ask independently of each other; what is measured earlier has a
burst's times. A client's first and second request follow the common beginning."""

_SPREAD_AFTER = 1
"""The same where answers differ in length or requests arrive by themselves: as many are in flight as will be."""

_FITTED_CORES = 16
"""Every core of the machine: the preprocessing thread is not held up by the other threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A server as the operator renders it, under a closed or an open loop.

    Args:
        size: of the model, as ``Model.short_name`` has it.
        is_burst: whether the clients still asked in step with each other, from their beginning on: the times of the
            first tokens and of the tokens are those of a burst, and are not what the model speaks of.
        is_in_step: whether several clients ask again after answers of equal length, so that they keep their order.
        is_held_back: whether it was measured after the model, which then was not changed.
        is_fitted: whether the constants may follow from it: it had every core of the machine, and is not held back.
        rate: None where requests arrived by themselves: it was given, and is the load's.
        ttft_seconds: the mean, where only medians were kept the median; None where it was not measured or is a burst's,
            as the next one.
    """

    name: str
    size: str
    replica: Replica
    load: Load
    cores: int
    is_burst: bool
    is_in_step: bool
    is_held_back: bool
    is_fitted: bool
    rate: float | None
    ttft_seconds: float | None
    seconds_per_token: float | None

    @property
    def offered(self) -> str:
        """How requests come."""
        if self.load.concurrency is None:
            return f"{self.load.requests_per_second:g} per second"
        return f"{self.load.concurrency} in flight"

    def __str__(self) -> str:
        images = f"{self.load.images} x {self.load.tiles} tiles" if self.load.images else "text"
        return (
            f"{self.name}, {self.replica.backend}, {images}, {self.load.output_tokens} out, "
            f"{self.offered}, {self.cores} cores"
        )


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a table of either form that ran as the operator renders: the plan speaks of no others.

    Raises:
        ValueError: the header is of neither form.
    """
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        header = set(rows.fieldnames or ())
        if "command" in header:
            held_back = path in HELD_BACK
            return [
                _of_campaign(row, held_back) for row in rows if _is_rendered(row["command"], int(row["cpus"]))
            ]
        if "omp_threads" in header:
            return [_of_first_runs(row) for row in rows if _ran_alone(row)]
        raise ValueError(f"{path} is no table of serving speed: its header is {sorted(header)}")


def _is_rendered(command: str, cores: int) -> bool:
    # The campaign asks 24 requests again and again: what a prefix cache answers of them is not computed.
    is_cached = "--enable-prefix-caching" in command
    return f"OMP_NUM_THREADS={_RENDERED_THREADS}" in command and cores >= _LEAST_CORES and not is_cached


def _ran_alone(row: Mapping[str, str]) -> bool:
    threads, cores = int(row["omp_threads"]), int(row["cpus"])
    return threads == _RENDERED_THREADS and cores >= _LEAST_CORES and not row["note"]


def _of_campaign(row: Mapping[str, str], is_held_back: bool) -> Cell:
    words = shlex.split(row["command"])
    given = dict(pairwise(words))
    repository = next(word.rpartition("/")[2] for word in words if word.startswith("/models/"))
    images, _, pixels = row["image"].partition(" x ")
    return _cell(
        row,
        repository=repository,
        backend=Backend(given["--backend"]),
        tp=int(given["--tp"]),
        options=EngineOptions(
            session_len=int(given["--session-len"]),
            max_batch_size=int(given["--max-batch-size"]),
            quant_policy=int(given.get("--quant-policy", "0")),
            cache_max_entry_count=float(given["--cache-max-entry-count"]),
        ),
        images=int(images or 0),
        pixels=pixels,
        concurrency=int(row["in_flight"]),
        engine=row["engine"],
        is_burst=int(row["in_flight"]) != 1
        and float(row["warm_up_s"])
        < (_SPREAD_AFTER if float(row["answers_spread"]) else _DISPERSED_AFTER) * float(row["request_p50_s"]),
        is_in_step=float(row["answers_spread"]) == 0 and int(row["in_flight"]) > 1,
        is_held_back=is_held_back,
        is_passive="OMP_WAIT_POLICY=PASSIVE" in words,
        rate=float(row["steady_requests_per_s"]),
    )


def _of_first_runs(row: Mapping[str, str]) -> Cell:
    concurrency = int(row["concurrency"])
    awq = "-AWQ" if row["quantization"] == "awq" else ""
    return _cell(
        row,
        repository=f"InternVL2-{row['size']}{awq}",
        backend=Backend(row["backend"]),
        tp=int(row["tp"]),
        options=EngineOptions(cache_max_entry_count=0.8),
        images=int(row["images"]),
        pixels=row["image"],
        concurrency=concurrency,
        engine="0.18.0",
        is_burst=concurrency > 1,
        is_in_step=concurrency > 1,
        is_held_back=False,
        is_passive=False,
        # Equal answers come in waves: what was counted depends on where the count begins, the median does not.
        rate=concurrency / float(row["e2e_p50_s"]),
    )


def _cell(
    row: Mapping[str, str],
    *,
    repository: str,
    backend: Backend,
    tp: int,
    options: EngineOptions,
    images: int,
    pixels: str,
    concurrency: int,
    engine: str,
    is_burst: bool,
    is_in_step: bool,
    is_held_back: bool,
    is_passive: bool,
    rate: float,
) -> Cell:
    (model, awq), gpu = _REPOSITORIES[repository], find_gpu(row["gpu"])
    speed = speed_of(gpu.product)
    assert speed is not None
    tiles = tile_count(*map(int, pixels.split("x"))) if images else 1
    without_text = Load(images=images, tiles=tiles, prompt_tokens=0)
    planned = plan(
        model.size,
        series=model.series,
        gpu=gpu.product,
        quantization="AWQ" if awq else "None",
        backend="PyTorch" if backend is Backend.PYTORCH else "TurboMind",
        version=engine,
        tp=tp,
        session_len=options.session_len,
        cache_max_entry_count=options.cache_max_entry_count,
        max_batch_size=options.max_batch_size,
    )
    cores = int(row["cpus"])
    return Cell(
        name=row.get("server") or f"{model.short_name} first runs",
        size=model.short_name,
        replica=Replica(
            language=model.language,
            vision=model.vision,
            backend=backend,
            engine=engine,
            awq=awq,
            tp=tp,
            options=options,
            kv_tokens=planned.memory.kv_tokens,
            gpu=speed,
            compute_capability=gpu.compute_capability,
        ),
        load=Load(
            concurrency=concurrency or None,
            requests_per_second=None if concurrency else rate,
            images=images,
            tiles=tiles,
            prompt_tokens=int(row["prompt_tokens"]) - without_text.input_tokens,
            output_tokens=int(row["output_tokens"]),
        ),
        cores=cores,
        is_burst=is_burst,
        is_in_step=is_in_step,
        is_held_back=is_held_back,
        is_fitted=cores >= _FITTED_CORES and not is_passive and not is_held_back,
        rate=rate if concurrency else None,
        ttft_seconds=None if is_burst else _number(row.get("ttft_mean_s") or row["ttft_p50_s"]),
        seconds_per_token=None if is_burst else _number(row["token_p50_s"]),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
