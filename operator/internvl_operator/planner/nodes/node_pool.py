"""The GPUs of one node, or why a plan leaves the node out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from internvl_operator.catalog.hardware.node_names import INSTANCE_TYPE_LABEL, MEMORY_OF_LABEL, names_of
from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.planner.nodes.expected_pool import mig_pool
from internvl_operator.planner.nodes.gpu_pool import GpuPool, products_with
from internvl_operator.planner.nodes.node_labels import (
    NamedGpu,
    is_virtual,
    labelled_capability,
    labelled_driver,
    labelled_memory,
    named_gpu,
    obstacle,
)
from internvl_operator.planner.nodes.node_room import room_of
from internvl_operator.planner.nodes.pins import (
    PROCESSOR_LABEL,
    Term,
    by_label,
    by_memory,
    is_same_size,
    with_processor,
    without_named,
)
from internvl_operator.planner.nodes.placement import why_not_placeable
from internvl_operator.planner.nodes.plausibility import MOST_GPUS
from internvl_operator.planner.request import GpuRequest


def pool_of(node: Mapping[str, Any], count: int, request: GpuRequest) -> GpuPool | str:
    """Return the GPUs of a node, or why they are left out."""
    labels = node["metadata"].get("labels") or {}
    if count > MOST_GPUS:
        return f"{count} of {request.resource} cannot be true"
    if why := obstacle(node, labels, request) or why_not_placeable(node, request):
        return why
    processor = labels.get(PROCESSOR_LABEL)
    if request.processor and processor and processor != request.processor:
        return f"processor {processor}, for which LMDeploy publishes no image (name one in spec.engine.image)"
    room = frozenset({room_of(node, count)})
    if request.resource != GPU_RESOURCE:
        return replace(mig_pool(request, count), rooms=room, driver=labelled_driver(labels))
    named = named_gpu(labels)
    known = labelled_memory(labels) or (named.gpu.memory_mib if named.gpu else None)
    memory = _planned_memory(request, known)
    if memory is None and known is not None:
        return f"GPUs of {known} MiB, less than spec.gpu.memory"
    if memory is None:
        what = f"unknown product {named.name}" if named.name else "no label that names the GPUs"
        return f"{what} (set spec.gpu.memory to use them)"
    selector, terms = _pinned(named, memory, labels)
    return GpuPool(
        product=named.product,
        memory_mib=memory,
        count=count,
        compute_capability=labelled_capability(labels)
        or (named.gpu.compute_capability if named.gpu else None),
        node_selector=selector,
        node_terms=with_processor(terms, request.processor),
        rooms=room,
        driver=labelled_driver(labels),
        is_virtual=is_virtual(labels),
    )


def _pinned(
    named: NamedGpu, memory_mib: int, labels: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Term, ...]]:
    """Return the node selector and the terms of node affinity that hold a pod to nodes with the same GPUs."""
    if named.label is None:
        return {}, by_memory(memory_mib, products_with(memory_mib))
    if named.label == INSTANCE_TYPE_LABEL:
        names = dict(names_of(named.product))[INSTANCE_TYPE_LABEL]
        return {}, by_label(INSTANCE_TYPE_LABEL, names, memory_mib)
    memory_label = MEMORY_OF_LABEL.get(named.label, "")
    selector = {key: labels[key] for key in (named.label, memory_label) if key in labels}
    terms = by_label(named.label, (named.name,), memory_mib)
    for key in selector:
        terms = without_named(terms, key)
    return selector, terms


def _planned_memory(request: GpuRequest, known_mib: int | None) -> int | None:
    """Return the MiB to plan with: what is given for a named product or an unknown GPU, else what is known.

    Without a product, a given memory chooses among the GPUs. Cards of one nominal size differ by a few percent
    (80 GB: 81559 or 81920 MiB), so one that is a little smaller counts as that size.
    """
    if request.memory_mib is None or known_mib is None or request.product is not None:
        return request.memory_mib or known_mib
    return min(request.memory_mib, known_mib) if is_same_size(known_mib, request.memory_mib) else None


def is_wanted(named: NamedGpu, request: GpuRequest) -> bool:
    """Return whether a node's GPUs are of the product that is asked for, if one is."""
    return request.product is None or request.resource != GPU_RESOURCE or named.is_called(request.product)
