"""The cluster's GPUs, from a list of its nodes that is read when a plan is made and kept for a minute.

A plan that fails by it is made again by a newer one: nodes that were just added count at once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from internvl_operator.kube.kinds import NODE
from internvl_operator.kube.port import Cluster, ForbiddenError, KubernetesObject
from internvl_operator.planner.nodes.inventory import Inventory, inventory_for
from internvl_operator.planner.request import GpuRequest
from internvl_operator.settings import Settings

FRESH_SECONDS = 10.0
"""A younger list of the nodes counts as fresh: thousands of plans may fail and ask for a fresh list at once."""

_CONDITIONS_AT_ONCE = 20_000
"""Conditions of all nodes that are looked at on the event loop: some 10 ms."""

_CONDITIONS_PER_NODE = 200
"""As many as take the time of a node's labels, some 70 us."""

_MOST_KEPT = 32
"""Requests whose GPUs are kept as long as the list of the nodes: most resources ask for the same."""

_log = logging.getLogger(__name__)


class NodeInventory:
    """Reads GPU inventories from the nodes.

    Args:
        cluster: the Kubernetes API.
        settings: the default GPU, a listed inventory, and how long a list of the nodes is used again.
        clock: monotonic seconds.
    """

    def __init__(self, cluster: Cluster, settings: Settings, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._nodes: list[Mapping[str, Any]] | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._kept: deque[tuple[GpuRequest, Inventory]] = deque(maxlen=_MOST_KEPT)

    async def __call__(self, request: GpuRequest, *, fresh: bool = False) -> Inventory:
        """Return the GPUs that a request may use; ``fresh``: as they are now, and not a minute ago.

        Raises:
            NoGpuKnownError: neither the request nor the cluster says which GPU there will be.
            ClusterError: the API failed in a way that a later try may mend.
        """
        settings = self._settings
        oldest = min(FRESH_SECONDS, settings.nodes_ttl_seconds) if fresh else settings.nodes_ttl_seconds
        async with self._reading:
            # Where the installation lists its GPUs, it may have no right to list nodes.
            if not settings.inventory and self._clock() - self._read_at >= oldest:
                self._nodes = await self._read()
                self._read_at = self._clock()
                self._kept.clear()
            nodes = self._nodes
        known = next((inventory for asked, inventory in self._kept if asked == request), None)
        return known or await self._inventory_of(request, nodes)

    async def _inventory_of(self, request: GpuRequest, nodes: list[Mapping[str, Any]] | None) -> Inventory:
        read = partial(inventory_for, request, nodes, self._settings.default_gpu, self._settings.inventory)
        if len(nodes or ()) * _conditions(request) <= _CONDITIONS_AT_ONCE:
            inventory = read()
        else:
            # Many nodes, or an affinity of many terms: other resources are served meanwhile.
            inventory = await asyncio.to_thread(read)
        if nodes is self._nodes:
            self._kept.append((request, inventory))
        return inventory

    async def _read(self) -> list[Mapping[str, Any]] | None:
        try:
            return [*(await self._cluster.list(NODE, keep=_gpus_only)).items]
        except ForbiddenError as error:
            _log.warning("nodes cannot be read, plans need spec.gpu: %s", error)
            return None


def _conditions(request: GpuRequest) -> int:
    """Return of how many conditions a node may have to be asked, its labels counted in."""
    terms = request.node_affinity or ()
    return (
        _CONDITIONS_PER_NODE
        + sum(len(term.labels) + len(term.fields) for term in terms)
        + len(request.tolerations)
    )


def _gpus_only(node: KubernetesObject) -> KubernetesObject:
    """Return the part of a Node that an inventory needs: the full object has tens of kilobytes."""
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    ready = [item for item in status.get("conditions", ()) if item["type"] == "Ready"]
    return {
        "metadata": {"name": metadata["name"], "labels": metadata.get("labels", {})},
        "spec": {"unschedulable": spec.get("unschedulable", False), "taints": spec.get("taints", [])},
        "status": {"allocatable": status.get("allocatable", {}), "conditions": ready},
    }
