"""The GPUs that a plan may use: from the nodes' labels, from what is given, or from the installation's default.

What cannot be known is said in ``notes``, never guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from internvl_operator.catalog.gpus import UnknownGpuError, find_gpu, mig_profile
from internvl_operator.catalog.nvidia import GPU_RESOURCE, PRODUCT_LABEL, is_mig
from internvl_operator.planner.nodes.node_labels import labelled_capability, labelled_memory, obstacle
from internvl_operator.planner.nodes.node_notes import implausible_notes, left_out_notes
from internvl_operator.planner.nodes.placement import why_not_placeable
from internvl_operator.planner.nodes.plausibility import MOST_GPUS, implausible_labels
from internvl_operator.planner.request import GpuRequest
from internvl_operator.quantity import parse_quantity

_CLOUD_LABELS = (
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
)
_UNREADABLE = ("the nodes cannot be read",)


class NoGpuKnownError(ValueError):
    """No GPU is known to plan for; the message names the field to fill in."""


@dataclass(frozen=True, slots=True)
class GpuPool:
    """GPUs of one kind, as many as the largest node has of them; memory in MiB."""

    product: str
    memory_mib: int
    count: int
    resource: str = GPU_RESOURCE
    compute_capability: tuple[int, int] | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_mig(self) -> bool:
        """Whether these are slices of GPUs, which cannot work together on one model."""
        return is_mig(self.resource) or "-MIG-" in self.product


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
        NoGpuKnownError: nothing tells what GPU there will be.
    """
    if listed:
        # Nothing else is known of these nodes: they may have the labels that the pods select, and no taints.
        request, nodes = replace(request, node_selector={}, node_affinity=None), _listed_nodes(listed)
    pools, notes = _read_nodes(nodes, request)
    if pools:
        return Inventory(pools, notes)
    pool = _pool_without_nodes(request, default_gpu, notes)
    named = pool.product or f"{pool.memory_mib} MiB of {pool.resource}"
    return Inventory((pool,), (*notes, f"no usable node has {named} now: planned from what is known of it"))


def given_gpu(request: GpuRequest) -> Inventory:
    """Return the inventory of a request that names its GPU, without a look at any node.

    Raises:
        NoGpuKnownError: the request names neither a known product nor a memory size.
    """
    return Inventory((_pool_without_nodes(request, None, ()),))


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
) -> tuple[tuple[GpuPool, ...], tuple[str, ...]]:
    """Return one pool per product and memory size, in a stable order, and notes on the nodes left out."""
    if nodes is None:
        return (), _UNREADABLE
    pools: dict[tuple[str, int], GpuPool] = {}
    left_out: dict[str, list[str]] = {}
    implausible: dict[str, list[str]] = {}
    for node in nodes:
        count = _allocatable(node, request.resource)
        if count < 1:
            continue
        for label in implausible_labels(node["metadata"].get("labels") or {}):
            implausible.setdefault(label, []).append(node["metadata"]["name"])
        pool = _pool_of(node, count, request)
        if isinstance(pool, str):
            left_out.setdefault(pool, []).append(node["metadata"]["name"])
        elif _is_wanted(pool, request):
            known = pools.get((pool.product, pool.memory_mib))
            if known is None or known.count < pool.count:
                pools[pool.product, pool.memory_mib] = pool
    notes = (*left_out_notes(left_out), *implausible_notes(implausible))
    return tuple(pools[key] for key in sorted(pools)), notes


def _allocatable(node: Mapping[str, Any], resource: str) -> int:
    amount = str(node.get("status", {}).get("allocatable", {}).get(resource, "0"))
    try:
        return int(parse_quantity(amount))
    except ValueError:
        return 0


def _pool_of(node: Mapping[str, Any], count: int, request: GpuRequest) -> GpuPool | str:
    """Return the GPUs of a node, or why they are left out."""
    labels = node["metadata"].get("labels") or {}
    if count > MOST_GPUS:
        return f"{count} of {request.resource} cannot be true"
    if why := obstacle(node, labels, request) or why_not_placeable(node, request):
        return why
    if request.resource != GPU_RESOURCE:
        return _mig_pool(request, count)
    label = next((key for key in (PRODUCT_LABEL, *_CLOUD_LABELS) if key in labels), None)
    product = labels[label] if label else ""
    try:
        gpu = find_gpu(product) if product else None
    except UnknownGpuError:
        gpu = None
    known = labelled_memory(labels) or (gpu.memory_mib if gpu else None)
    memory = _planned_memory(request, known)
    if memory is None and known is not None:
        return f"GPUs of {known} MiB, less than spec.gpu.memory"
    if memory is None:
        what = f"unknown product {product}" if product else "no label that names the GPUs"
        return f"{what} (set spec.gpu.memory to use them)"
    return GpuPool(
        product=product if label in (None, PRODUCT_LABEL) or gpu is None else gpu.product,
        memory_mib=memory,
        count=count,
        compute_capability=labelled_capability(labels) or (gpu.compute_capability if gpu else None),
        node_selector={label: product} if label else {},
    )


def _planned_memory(request: GpuRequest, known_mib: int | None) -> int | None:
    """Return the MiB to plan with: what is given for a named product or an unknown GPU, else what is known.

    Without a product, a given memory chooses among the GPUs. Cards of one nominal size differ by a few percent
    (80 GB: 81559 or 81920 MiB), so one that is a little smaller counts as that size.
    """
    if request.memory_mib is None or known_mib is None or request.product is not None:
        return request.memory_mib or known_mib
    return min(request.memory_mib, known_mib) if known_mib >= 0.95 * request.memory_mib else None


def _is_wanted(pool: GpuPool, request: GpuRequest) -> bool:
    if request.product is None or request.resource != GPU_RESOURCE:
        return True
    try:
        return pool.product in (request.product, find_gpu(request.product).product)
    except UnknownGpuError:
        return pool.product == request.product


def _pool_without_nodes(request: GpuRequest, default_gpu: str | None, notes: tuple[str, ...]) -> GpuPool:
    """Return the pool that the request names, or else the installation's default."""
    if request.resource != GPU_RESOURCE:
        return _mig_pool(request, request.max_count)
    product = request.product or (default_gpu if request.memory_mib is None else None)
    if product is None and request.memory_mib is not None:
        return GpuPool(product="", memory_mib=request.memory_mib, count=request.max_count)
    if product is None:
        seen = f" ({'; '.join(notes)})" if notes else ""
        nearer = "let the pods use one of these nodes, or " if notes not in ((), _UNREADABLE) else ""
        raise NoGpuKnownError(
            f"no GPU is known to plan for{seen}: {nearer}set spec.gpu.product or spec.gpu.memory"
        )
    try:
        gpu = find_gpu(product)
    except UnknownGpuError as error:
        if request.memory_mib is None:
            raise NoGpuKnownError(f"{error}; or set spec.gpu.memory to the memory of one GPU") from None
        return GpuPool(product, request.memory_mib, request.max_count, node_selector={PRODUCT_LABEL: product})
    return GpuPool(
        product=gpu.product,
        memory_mib=request.memory_mib or gpu.memory_mib,
        count=request.max_count,
        compute_capability=gpu.compute_capability,
        node_selector={PRODUCT_LABEL: gpu.product},
    )


def _mig_pool(request: GpuRequest, count: int) -> GpuPool:
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
    )
