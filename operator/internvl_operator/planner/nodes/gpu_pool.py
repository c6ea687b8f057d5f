"""GPUs of one kind, as the planner counts with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from internvl_operator.catalog.gpus import GPUS
from internvl_operator.catalog.nvidia import GPU_RESOURCE, is_mig
from internvl_operator.planner.nodes.node_room import Room
from internvl_operator.planner.nodes.pins import Term, is_same_size

_MOST_POOLS = 24
"""Kinds of GPUs that a plan chooses among; each costs up to 2.5 ms."""


@dataclass(frozen=True, slots=True)
class GpuPool:
    """GPUs of one kind, as many as the largest node has of them.

    Args:
        product: the product of the GPUs; empty when it is not known.
        memory_mib: memory of one GPU, in MiB.
        count: GPUs of the largest node.
        resource: the extended resource, such as ``nvidia.com/gpu``.
        compute_capability: major and minor number; None when they are not known.
        node_selector: labels that these nodes have and others have not.
        node_terms: alternatives of node affinity, in addition to the selector: they keep pods off the other nodes.
        rooms: CPU, memory and disk that the nodes leave to a model; empty when no node is known.
        driver: the oldest version of NVIDIA's driver on these nodes, if labels say it.
        processor: of the machines that have it, by the GPU catalogue.
        is_virtual: whether they are vGPUs.
    """

    product: str
    memory_mib: int
    count: int
    resource: str = GPU_RESOURCE
    compute_capability: tuple[int, int] | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_terms: tuple[Term, ...] = ()
    rooms: frozenset[Room] = frozenset()
    driver: tuple[int, int] | None = None
    processor: str | None = None
    is_virtual: bool = False

    @property
    def is_pinned(self) -> bool:
        """Whether pods are held to these GPUs by a name."""
        return bool(self.node_selector) or bool(self.product and self.node_terms)

    @property
    def is_mig(self) -> bool:
        """Whether these are slices of GPUs, which cannot work together on one model."""
        return is_mig(self.resource) or "-MIG-" in self.product


def merged(known: GpuPool, pool: GpuPool) -> GpuPool:
    """Return the pool of two nodes: with the GPUs of the larger, and the older driver."""
    larger = pool if known.count < pool.count else known
    drivers = [each.driver for each in (known, pool) if each.driver is not None]
    return replace(
        larger,
        rooms=known.rooms | pool.rooms,
        driver=min(drivers, default=None),
        is_virtual=known.is_virtual or pool.is_virtual,
    )


def largest_pools(pools: Sequence[GpuPool]) -> tuple[GpuPool, ...]:
    """Return the pools that are planned for, in their order: labels may name any number of kinds.

    Beyond a number, GPUs of the catalogue come before unknown ones, and then those of larger nodes.
    """
    if len(pools) <= _MOST_POOLS:
        return tuple(pools)
    known = {gpu.product for gpu in GPUS}
    places = sorted(
        range(len(pools)), key=lambda place: (pools[place].product not in known, -pools[place].count)
    )
    return tuple(pools[place] for place in sorted(places[:_MOST_POOLS]))


def products_with(memory_mib: int) -> list[str]:
    """Return the products of the catalogue that have a memory, or a little less of the same nominal size."""
    return [gpu.product for gpu in GPUS if is_same_size(gpu.memory_mib, memory_mib)]
