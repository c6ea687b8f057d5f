"""Which other GPUs carry the same load, for readers who can choose."""

from collections.abc import Iterator
from dataclasses import replace

from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.cli.inputs.gpu_options import gpus_of
from internvl_operator.cli.table.plan_table import USUAL_GPUS
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.words import carried_by


def other_gpus(plan: Plan, request: PlanRequest) -> list[str]:
    """Return a line for each other usual GPU that carries the load of a request, the fewest first."""
    carrying = sorted(_carrying(plan.product, request), key=lambda found: found[0])
    return [line for _, line in carrying]


def _carrying(planned: str, request: PlanRequest) -> Iterator[tuple[int, str]]:
    """Yield how many GPUs of each other product carry the load, and a line about them."""
    for name in USUAL_GPUS:
        product = find_gpu(name).product
        gpu = replace(request.gpu, resource=GPU_RESOURCE, product=product, memory_mib=None)
        changed = replace(request, tp=None, gpu=gpu)
        found = with_speed(make_plan(changed, gpus_of(gpu)), changed)
        if found.product == planned or not found.is_ok or found.speed is None:
            continue
        replicas, precision = found.speed.replicas, "AWQ" if found.awq else "full precision"
        star = "" if found.speed.calibrated else " (a roofline)"
        of_each = f"{carried_by(replicas)} it, {found.gpus} {'GPU' if found.gpus == 1 else 'GPUs'} each"
        yield found.gpus * replicas, f"{found.gpus * replicas} x {name}, {precision}: {of_each}{star}"
