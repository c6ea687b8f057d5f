"""The GPUs that a plan may use: from the nodes' labels, from what is given, or from the installation's default.

What the labels do not say is never guessed: a note of the inventory says what is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from internvl_operator.catalog.nvidia import GPU_RESOURCE, PRODUCT_LABEL, is_mig
from internvl_operator.planner.nodes.expected_pool import (
    NO_GPUS,
    UNREADABLE,
    NoGpuKnownError,
    pool_without_nodes,
)
from internvl_operator.planner.nodes.gpu_pool import GpuPool, largest_pools, merged
from internvl_operator.planner.nodes.node_labels import has_gpus, named_gpu, other_offers
from internvl_operator.planner.nodes.node_notes import implausible_notes, left_out_notes, some
from internvl_operator.planner.nodes.node_pool import is_wanted, pool_of
from internvl_operator.planner.nodes.plausibility import implausible_labels
from internvl_operator.planner.request import GpuRequest
from internvl_operator.text.quantity import parse_quantity

__all__ = ["NO_USABLE_NODE", "GpuPool", "Inventory", "NoGpuKnownError", "given_gpu", "inventory_for"]


NO_USABLE_NODE = "no usable node has"
"""How the note begins on GPUs that are planned for while no node has them."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The pools to choose from, and what could not be read."""

    pools: tuple[GpuPool, ...]
    notes: tuple[str, ...] = ()


def inventory_for(
    request: GpuRequest,
    nodes: Iterable[Mapping[str, Any]] | None,
    default_gpu: str | None = None,
    listed: Sequence[tuple[str, int]] = (),
) -> Inventory:
    """Return the GPUs that a request may use.

    Args:
        request: the given resource, product and memory, and where the pods may be placed.
        nodes: the cluster's Nodes, or None when they cannot be read.
        default_gpu: the product to plan for when no node has a usable GPU.
        listed: the products that an installation lists, and how many of each its largest node has; given, they
            stand in place of the nodes.

    Raises:
        NoGpuKnownError: neither the request nor a node says which GPU there will be.
    """
    if listed:
        # Nothing else is known of these nodes: they may have the labels that the pods select, and no taints.
        request, nodes = replace(request, node_selector={}, node_affinity=None), _listed_nodes(listed)
    pools, notes, named = _read_nodes(nodes, request)
    if pools:
        return Inventory(pools, notes)
    pool = pool_without_nodes(request, default_gpu, notes or NO_GPUS)
    wanted = pool.product or f"{pool.memory_mib} MiB of {pool.resource}"
    missing = [f"{NO_USABLE_NODE} {wanted} now: planned from what is known of it"]
    if named:
        field = "spec.gpu.product" if request.product else "the installation's gpu.default"
        missing.append(f"{field} is {request.product or default_gpu}; the nodes have {some(named)}")
    return Inventory((pool,), (*notes, *missing))


def given_gpu(request: GpuRequest) -> Inventory:
    """Return the inventory of a request that names its GPU, without a look at any node.

    Raises:
        NoGpuKnownError: the request names neither a known product nor a memory size.
    """
    return Inventory((pool_without_nodes(request, None, ()),))


def _listed_nodes(pools: Iterable[tuple[str, int]]) -> list[Mapping[str, Any]]:
    return [
        {
            "metadata": {"name": product, "labels": {PRODUCT_LABEL: product}},
            "status": {"allocatable": {GPU_RESOURCE: str(count)}},
        }
        for product, count in pools
    ]


def _read_nodes(
    nodes: Iterable[Mapping[str, Any]] | None, request: GpuRequest
) -> tuple[tuple[GpuPool, ...], tuple[str, ...], frozenset[str]]:
    """Return one pool per product and memory size, in a stable order, notes, and the products that are not wanted."""
    if nodes is None:
        return (), UNREADABLE, frozenset()
    pools: dict[tuple[str, int], GpuPool] = {}
    left_out: dict[str, list[str]] = {}
    implausible: dict[str, list[str]] = {}
    unwanted: set[str] = set()
    for node in nodes:
        name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
        count = _allocatable(node, request.resource)
        if count < 1:
            if why := _offers_none(node, labels, request):
                left_out.setdefault(why, []).append(name)
            continue
        for label in implausible_labels(labels):
            implausible.setdefault(label, []).append(name)
        pool = pool_of(node, count, request)
        if isinstance(pool, str):
            left_out.setdefault(pool, []).append(name)
        elif is_wanted(named_gpu(labels), request):
            key = (pool.product, pool.memory_mib)
            pools[key] = merged(pools[key], pool) if key in pools else pool
        else:
            unwanted.add(pool.product)
    notes = (*left_out_notes(left_out), *implausible_notes(implausible))
    chosen = largest_pools(tuple(pools[key] for key in sorted(pools)))
    if more := len(pools) - len(chosen):
        notes += (f"{more} more kinds of GPUs are not planned for: name one in spec.gpu.product",)
    return chosen, notes, frozenset(unwanted)


def _offers_none(node: Mapping[str, Any], labels: Mapping[str, str], request: GpuRequest) -> str | None:
    """Return why a node that has GPUs offers none of the resource; None for a node without GPUs."""
    if others := other_offers(node, request.resource):
        return f"offers {' and '.join(others)} (spec.gpu.resource is {request.resource})"
    if has_gpus(labels) and not (is_mig(request.resource) and _allocatable(node, GPU_RESOURCE)):
        return f"has GPUs and offers no {request.resource} (does NVIDIA's device plugin run there?)"
    return None


def _allocatable(node: Mapping[str, Any], resource: str) -> int:
    amount = str(node.get("status", {}).get("allocatable", {}).get(resource, "0"))
    try:
        return int(parse_quantity(amount))
    except ValueError:
        return 0
