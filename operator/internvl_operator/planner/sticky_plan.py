"""Plans a model anew that already runs: the new plan keeps the GPUs, parallelism and quantization.

Why: docs/design/004-sticky-plan-and-record.md
"""

from dataclasses import replace

from internvl_operator.catalog.gpus import UnknownGpuError, find_gpu
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import PlanRequest

_TURING, _AMPERE = (7, 5), (8, 0)
"""Compute capabilities: Turing is the last architecture without bfloat16, Ampere the first with it."""


def replanned(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan for the same GPUs, parallelism and quantization, whatever nodes have come or gone.

    The running plan itself is returned, with its reason, if a new plan would run a replica in the same way, or if the
    new plan fails: neither may restart the model.

    Args:
        plan: the plan by which the model runs.
        request: the request that follows from the spec now.
    """
    pool = GpuPool(
        plan.product, plan.gpu_memory_mib, plan.gpus, plan.resource, _capability(plan), plan.node_selector
    )
    fresh = make_plan(
        replace(request, tp=plan.tp, quantized=plan.awq), Inventory((pool,)), explains_options=False
    )
    # What was decided by the nodes that there were stays: where pods may be scheduled, and their CPU request.
    fresh = replace(
        fresh,
        image_variant=plan.image_variant or fresh.image_variant,
        node_terms=plan.node_terms,
        tolerations=plan.tolerations,
        cpu_millis=plan.cpu_millis,
    )
    return plan if not fresh.is_ok or _without_texts(fresh) == _without_texts(plan) else fresh


def _without_texts(plan: Plan) -> Plan:
    """Return the part of a plan that decides how a replica runs."""
    return replace(plan, reason="", warnings=(), notes=(), alternatives=())


def _capability(plan: Plan) -> tuple[int, int]:
    """Return the compute capability of a plan's GPU.

    The catalogue lacks a GPU that was known from node labels alone. Its plan still says whether it needs float16: the
    capability returned for it leads to the same choice.
    """
    try:
        return find_gpu(plan.product).compute_capability
    except UnknownGpuError:
        return _TURING if plan.float16 else _AMPERE
