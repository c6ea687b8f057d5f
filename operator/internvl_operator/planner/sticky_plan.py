"""The plan of a model that already runs: it keeps its GPUs, parallelism and quantization.

Why: docs/design/004-sticky-plan-and-record.md
"""

from dataclasses import replace

from internvl_operator.catalog.gpus import UnknownGpuError, find_gpu
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import PlanRequest

_TURING, _AMPERE = (7, 5), (8, 0)


def replanned(plan: Plan, request: PlanRequest) -> Plan:
    """Return the plan for the same GPUs, parallelism and quantization, whatever nodes have come or gone.

    It is the running plan itself, with its reason, where a replica would be run in the same way; so it is where
    this version finds no plan at all.

    Args:
        plan: by which the model runs.
        request: what is asked for now, by the same spec.
    """
    pool = GpuPool(
        plan.product, plan.gpu_memory_mib, plan.gpus, plan.resource, _capability(plan), plan.node_selector
    )
    fresh = make_plan(
        replace(request, tp=plan.tp, quantized=plan.awq), Inventory((pool,)), explains_options=False
    )
    # What the nodes of then decided stays: where the pods may land, and what they request there.
    fresh = replace(
        fresh,
        image_variant=plan.image_variant or fresh.image_variant,
        node_terms=plan.node_terms,
        tolerations=plan.tolerations,
        cpu_millis=plan.cpu_millis,
    )
    return plan if not fresh.is_ok or _without_words(fresh) == _without_words(plan) else fresh


def _without_words(plan: Plan) -> Plan:
    return replace(plan, reason="", warnings=(), notes=(), alternatives=())


def _capability(plan: Plan) -> tuple[int, int]:
    """Return the GPU's compute capability, or, for one that is known from a node's label alone, one that acts so."""
    try:
        return find_gpu(plan.product).compute_capability
    except UnknownGpuError:
        return _TURING if plan.float16 else _AMPERE
