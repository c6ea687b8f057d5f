"""The plan table: what each size needs on the usual GPUs, for each choice of quantization."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.cli.inputs.gpu_options import gpus_of
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import QUANTIZATIONS, PlanRequest, quantized

USUAL_GPUS = ("T4", "L4", "RTX-5090", "A100-40GB", "L40S", "A100-80GB", "H100-NVL", "H200")
"""GPUs of 16, 24, 32, 40, 48, 80, 94 and 141 GB."""


@dataclass(frozen=True, slots=True)
class PlanCell:
    """A plan for a size on a GPU, and the quantization that was asked for."""

    gpu: str
    asked: str
    plan: Plan


def plan_cells(request: PlanRequest) -> Iterator[PlanCell]:
    """Yield the plans for one size, row by row: on the GPU that the request names, else on each usual one."""
    gpu = request.gpu
    named = gpu.resource != GPU_RESOURCE or gpu.product is not None or gpu.memory_mib is not None
    gpus = [gpu] if named else [replace(gpu, product=product) for product in USUAL_GPUS]
    for gpu in gpus:
        for asked in QUANTIZATIONS:
            changed = replace(request, quantized=quantized(asked), gpu=gpu)
            plan = with_speed(make_plan(changed, gpus_of(gpu)), changed)
            yield PlanCell(gpu.product or plan.product or "GPU", asked, plan)


def plan_rows(cells: Sequence[PlanCell]) -> list[list[str]]:
    """Return a table for people: a column for each choice of quantization."""
    rows = [["size", "GPU", "MiB", *QUANTIZATIONS]]
    for (size, gpu, memory_mib), row in groupby(cells, key=_row):
        rows.append([size, gpu, str(memory_mib), *(summary(cell.plan) for cell in row)])
    return rows


def plan_csv(cells: Sequence[PlanCell]) -> list[list[str]]:
    """Return a table for programs: a row for each plan."""
    rows = [["size", "gpu", "gpu_memory_mib", "asked", "outcome", "gpus", "quantization", "sessions"]]
    rows[0] += ["images_per_second", "calibrated"]
    for cell in cells:
        plan = cell.plan
        derived = [str(plan.gpus), plan.quantization.lower(), str(plan.concurrent_sessions)]
        speed = plan.speed
        derived += [f"{speed.images_per_second:g}", str(speed.calibrated).lower()] if speed else ["", ""]
        asked = cell.asked.lower()
        rows.append(
            [plan.model.short_name, cell.gpu, str(plan.gpu_memory_mib), asked, str(plan.outcome), *derived]
        )
    return rows


def _row(cell: PlanCell) -> tuple[str, str, int]:
    return (cell.plan.model.short_name, cell.gpu, cell.plan.gpu_memory_mib)


def summary(plan: Plan) -> str:
    """Return a plan in a few words, or its outcome where it does not run."""
    if not plan.is_ok:
        return str(plan.outcome)
    gpus = "1 GPU" if plan.gpus == 1 else f"{plan.gpus} GPUs"
    sessions = "1 session" if plan.concurrent_sessions == 1 else f"{plan.concurrent_sessions} sessions"
    text = f"{gpus}, {'AWQ' if plan.awq else 'full precision'}, {sessions}"
    if plan.speed is None:
        return text
    replicas = f"{plan.speed.replicas} x " if plan.speed.replicas > 1 else ""
    return (
        f"{replicas}{text}, {plan.speed.images_per_second:g}{'' if plan.speed.calibrated else '*'} images/s"
    )
