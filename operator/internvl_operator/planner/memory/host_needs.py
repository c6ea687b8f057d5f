"""What a replica needs of its node beside the GPUs, as far as the spec leaves it to the operator."""

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory.host_memory import host_memory_mib
from internvl_operator.planner.nodes.node_room import HostNeeds
from internvl_operator.planner.request import PlanRequest
from internvl_operator.text.quantity import parse_quantity

CPU_MILLIS_PER_GPU = 3000
"""With 3 cores 8B serves 98 % of what it serves with 8, and 1B 86 % of what it serves with 4.

A node of 4 vCPUs and one GPU offers 3920m, of which system pods take some: 4 would not fit.
"""


def host_needs(request: PlanRequest, backend: Backend, tp: int, weights_mib: int) -> HostNeeds:
    """Return what a replica needs; what the spec requests itself is the user's.

    Args:
        request: what is asked for.
        backend: the backend.
        tp: GPUs of the replica.
        weights_mib: of one GPU.
    """
    options = request.options
    return HostNeeds(
        cpu_millis=_derived(request, "cpu", CPU_MILLIS_PER_GPU * tp, 1000),
        memory_mib=_derived(
            request, "memory", host_memory_mib(backend, tp, request.engine, options.max_batch_size), 1 / 2**20
        ),
        disk_mib=None
        if request.keeps_files
        else _derived(request, "ephemeral-storage", disk_mib(weights_mib * tp), 1 / 2**20),
    )


def _derived(request: PlanRequest, resource: str, amount: int, scale: float) -> int | None:
    """Return what is requested of a resource unless the spec says it: an amount, or the limit where that is less."""
    if resource in request.given_requests:
        return None
    try:
        return min(amount, int(float(parse_quantity(request.limits[resource])) * scale))
    except (KeyError, ValueError):
        # Without a limit; or one that is no quantity, as the API server says with the field's name.
        return amount


def disk_mib(weights_mib: int) -> int:
    """Return the MiB of files that a pod keeps itself: a twentieth more for the tokenizer and unfinished files."""
    return weights_mib * 21 // 20
