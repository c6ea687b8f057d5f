"""A cluster in memory with the reconciler on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, DEPLOYMENT, POD, RESOURCE
from internvl_operator.kube.objects import condition_of, key_of
from internvl_operator.kube.port import (
    Key,
    Kind,
    KubernetesObject,
)
from internvl_operator.manifests.trusted_record import RECORD_HASH, record_hash
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory, NoGpuKnownError
from internvl_operator.planner.request import GpuRequest
from internvl_operator.reconcile import Reconciler
from tests.unit.fake_cluster import FakeCluster

KEY = Key("vision", "captions")
KNOWN = {kind.kind: kind for kind in BUILT_IN_CHILDREN}


class World:
    """A cluster, what the operator has seen of it, and the operator."""

    def __init__(self, children: Mapping[str, Kind] = KNOWN) -> None:
        self.cluster = FakeCluster()
        self.cache = Cache()
        self.pools = [GpuPool("NVIDIA-A100-SXM4-80GB", 81920, 8, compute_capability=(8, 0))]
        self.pools_of_now: list[GpuPool] = []
        self.inventories_read = 0
        self.versions = 1000
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.reconciler = Reconciler(
            cluster=self.cluster,
            cache=self.cache,
            children=children,
            inventory=self._inventory,
            now=lambda: self.time,
        )

    async def _inventory(self, _: GpuRequest, *, fresh: bool = False) -> Inventory:
        self.inventories_read += 1
        pools = self.pools_of_now if fresh and self.pools_of_now else self.pools
        if not pools:
            raise NoGpuKnownError("no GPU is known to plan for: set spec.gpu.product or spec.gpu.memory")
        return Inventory(tuple(pools))

    def create(self, **spec: Any) -> KubernetesObject:
        body = self.cluster.create(
            {
                "apiVersion": "internvl.dev/v1alpha1",
                "kind": "InternVLDeployment",
                "metadata": {"name": KEY.name, "namespace": KEY.namespace},
                "spec": {"size": "8B", "replicas": 1, **spec},
            }
        )
        self.cache.put(RESOURCE, body)
        return body

    def edit(self, **spec: Any) -> None:
        body = self.cluster.edit("InternVLDeployment", KEY, spec={"size": "8B", "replicas": 1, **spec})
        self.cache.put(RESOURCE, body)

    def edit_beside_the_next_status(self, **spec: Any) -> None:
        """Change the spec when the next status is written: its answer has the change, and no event told of it."""
        original = self.cluster.patch_status

        async def edited_meanwhile(manifest: Mapping[str, Any]) -> KubernetesObject:
            self.cluster.patch_status = original  # type: ignore[method-assign]
            self.cluster.edit("InternVLDeployment", KEY, spec=spec)
            return await original(manifest)

        self.cluster.patch_status = edited_meanwhile  # type: ignore[method-assign]

    def serve(self, replicas: int = 1) -> None:
        """Report the Deployment's pods as ready, as its controller does."""
        generation = self.cluster.objects["Deployment", KEY]["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), replicas)
        status = {"observedGeneration": generation, **counts}
        self.cache.put(DEPLOYMENT, self.cluster.edit("Deployment", KEY, status=status))

    def confirm_record(self) -> None:
        """Write the hash of the record into the status, as the operator that wrote the record does."""
        status = {**self.status, RECORD_HASH: record_hash(self.cluster.objects["Deployment", KEY])}
        self.cache.put(RESOURCE, self.cluster.edit("InternVLDeployment", KEY, status=status))

    def observe(self, *pods: KubernetesObject) -> None:
        """See these pods, in a new state, and no others."""
        self.versions += 1
        for pod in pods:
            pod["metadata"]["resourceVersion"] = str(self.versions)
            self.cache.put(POD, pod)
        self.cache.complete(POD, {key_of(pod) for pod in pods}, self.versions)

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(KEY)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.objects["InternVLDeployment", KEY]["status"]
        return status

    def condition(self, type_: str) -> tuple[str, str]:
        found = condition_of(self.status, type_)
        assert found is not None
        return found["status"], found["reason"]
