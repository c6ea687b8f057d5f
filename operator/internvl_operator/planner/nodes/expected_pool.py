"""The GPUs to plan for while no node has them: those that are named, or the installation's default."""

from internvl_operator.catalog.gpus import Gpu, UnknownGpuError, find_gpu, mig_profile
from internvl_operator.catalog.hardware.node_names import label_of_name
from internvl_operator.catalog.nvidia import GPU_RESOURCE, PRODUCT_LABEL
from internvl_operator.planner.nodes.gpu_pool import GpuPool, products_with
from internvl_operator.planner.nodes.pins import (
    Term,
    by_label,
    by_memory,
    by_product,
    not_shared,
    with_processor,
    without_named,
)
from internvl_operator.planner.request import GpuRequest

UNREADABLE = ("the nodes cannot be read",)

NO_GPUS = (f"no node offers {GPU_RESOURCE}",)
"""What is known of nodes none of which has a GPU."""

_STEPS = {
    "left out, offers ": "set spec.gpu.resource to one that a node offers",
    "left out, not ready": "wait until a node is ready",
    "left out, cordoned": "uncordon a node",
    NO_GPUS[0]: "add nodes with GPUs",
}
"""What helps, by how the note on the nodes begins."""


class NoGpuKnownError(ValueError):
    """No GPU is known to plan for; the message names the field to fill in."""


def pool_without_nodes(request: GpuRequest, default_gpu: str | None, notes: tuple[str, ...]) -> GpuPool:
    """Return the pool that the request names, or else the installation's default.

    Args:
        request: what is asked for.
        default_gpu: the installation's default product.
        notes: why none of the nodes is used; empty where nobody looked at any.

    Raises:
        NoGpuKnownError: there is neither.
    """
    if request.resource != GPU_RESOURCE:
        return mig_pool(request, request.max_count)
    product = request.product or (default_gpu if request.memory_mib is None else None)
    if product is None and request.memory_mib is not None:
        terms = by_memory(request.memory_mib, products_with(request.memory_mib))
        return GpuPool(
            product="",
            memory_mib=request.memory_mib,
            count=request.max_count,
            node_terms=with_processor(terms, request.processor),
        )
    if product is None:
        seen = f" ({'; '.join(notes)})" if notes else ""
        raise NoGpuKnownError(f"no GPU is known to plan for{seen}: {_what_helps(notes)}")
    try:
        gpu = find_gpu(product)
    except UnknownGpuError as error:
        if request.memory_mib is None:
            raise NoGpuKnownError(f"{error}; or set spec.gpu.memory to the memory of one GPU") from None
        terms = without_named(by_label(PRODUCT_LABEL, (product,), request.memory_mib), PRODUCT_LABEL)
        return GpuPool(
            product,
            request.memory_mib,
            request.max_count,
            node_selector={PRODUCT_LABEL: product},
            node_terms=with_processor(terms, request.processor),
        )
    memory = request.memory_mib or gpu.memory_mib
    selector, terms = _pinned_by_name(product, gpu, memory)
    return GpuPool(
        product=gpu.product,
        memory_mib=memory,
        count=request.max_count,
        compute_capability=gpu.compute_capability,
        node_selector=selector,
        node_terms=with_processor(terms, request.processor),
        processor=gpu.processor,
    )


def _what_helps(notes: tuple[str, ...]) -> str:
    """Return what to do about nodes that are left out, or how to plan without any."""
    steps = [step for begin, step in _STEPS.items() if any(note.startswith(begin) for note in notes)]
    if notes != UNREADABLE and not all(note.startswith(tuple(_STEPS)) for note in notes):
        steps.append("let the pods use one of these nodes")
    # A whole GPU would be waited for in vain on nodes that offer slices.
    if not notes or not all(note.startswith("left out, offers ") for note in notes):
        steps.append("set spec.gpu.product or spec.gpu.memory")
    return ", or ".join(steps)


def _pinned_by_name(name: str, gpu: Gpu, memory_mib: int) -> tuple[dict[str, str], tuple[Term, ...]]:
    """Return what holds a pod to nodes that are to come: the label that a name belongs to, or any of them."""
    label = PRODUCT_LABEL if name == gpu.product else label_of_name(name)
    if label is None:
        return {}, by_product(gpu.product, memory_mib)
    return {label: name}, without_named(by_label(label, (name,), memory_mib), label)


def mig_pool(request: GpuRequest, count: int) -> GpuPool:
    """Return the slices that a MIG resource names.

    Raises:
        NoGpuKnownError: it names no MIG profile.
    """
    try:
        profile = mig_profile(request.resource)
    except UnknownGpuError as error:
        raise NoGpuKnownError(str(error)) from None
    return GpuPool(
        product=profile.product,
        memory_mib=request.memory_mib or profile.memory_mib,
        count=count,
        resource=request.resource,
        compute_capability=profile.compute_capability,
        node_terms=with_processor(not_shared(f"{request.resource}.replicas"), request.processor),
    )
