"""The only orchestration: from the cached state of one resource to its children and its status."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.apply import apply_children, is_controlled, lacks_children
from internvl_operator.desired import Desired, InventorySource, desire
from internvl_operator.diagnosis.pods import pods_of
from internvl_operator.events import events_between
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, RESOURCE
from internvl_operator.kube.port import Cluster, Key, Kind, KubernetesObject, NotFoundError
from internvl_operator.status import Problem, Status, condition, internal_error_status, status_of


class Reconciler:
    """Brings one resource after another to what its spec says. Level-triggered and idempotent.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects; the answers to the reconciler's own writes are added to it.
        children: the kinds of children that the cluster knows, by name.
        inventory: reads the GPUs of the cluster.
        now: tells the time, with its zone.
        platform: the installation's defaults.
    """

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        children: Mapping[str, Kind],
        inventory: InventorySource,
        now: Callable[[], datetime],
        platform: PlatformDefaults = NO_DEFAULTS,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._children = children
        self._inventory = inventory
        self._now = now
        self._platform = platform
        self.reasons: dict[Key, str] = {}
        """The reason of the Ready condition of every resource that was reconciled and is not being deleted."""

    async def reconcile(self, key: Key) -> float | None:
        """Bring a resource to what its spec says; return the seconds after which to look again, if any.

        Raises:
            ClusterError: the API failed, or refused a child, in a way that a later try may mend.
        """
        body = self._cache.get(RESOURCE, key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self.reasons.pop(key, None)
            return None
        body = {"apiVersion": API_VERSION, "kind": KIND, **body}
        deployment = self._child(DEPLOYMENT, body)
        claim = self._child(PERSISTENT_VOLUME_CLAIM, body)
        pods = pods_of(deployment, self._cache.pods(key))
        desired = await desire(body, deployment, pods, self._inventory, self._now(), self._platform, claim)
        problem = desired.problem
        try:
            # Written first, the status also shows that the resource still exists and that its spec is this one.
            if _is_new(body):
                if await self._write_status(body, desired, problem) != _generation(body):
                    return 0.0
            elif not await self._may_make_children(body, desired):
                return None
            if problem is None:
                problem = await apply_children(
                    self._cluster, self._cache, self._children, body, desired.children
                )
            problem = problem or desired.unmet
            if await self._write_status(body, desired, problem) != _generation(body):
                return 0.0
        except NotFoundError:
            # The resource or its namespace is being deleted: owner references clean up.
            return None
        if problem and problem.refusal:
            raise problem.refusal
        return problem.retry_after if problem else desired.look_again_after

    async def _may_make_children(self, body: KubernetesObject, desired: Desired) -> bool:
        """Tell whether the resource still exists, if a child has to be made.

        Where its deletion is known late, its children go first. Made again, they would be collected again, and so on.
        """
        if not lacks_children(self._cache, self._children, desired.children):
            return True
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        return await self._cluster.exists(RESOURCE, key, metadata["uid"])

    async def report(self, key: Key, error: Exception) -> None:
        """Say in a resource's status that the operator itself failed on it.

        Raises:
            ClusterError: the API failed.
        """
        body = self._cache.get(RESOURCE, key)
        if body is None:
            return
        previous = body.get("status", {})
        status = internal_error_status(previous, _generation(body), error, self._time())
        self.reasons[key] = _reason(status)
        if status != previous:
            await self._put_status(body, previous, status)

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _write_status(self, body: KubernetesObject, desired: Desired, problem: Problem | None) -> int:
        """Write the status if it differs, tell people what changed, and return the resource's generation then.

        The answer may show a newer spec than the one that was acted on. The cache has it from here on, so that
        the watch's own event about it is no news: the caller has to look again.
        """
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        known = self._cache.get(RESOURCE, key) or body
        previous = known.get("status", {})
        status = status_of(
            generation=_generation(body),
            resource=desired.resource,
            plan=desired.plan,
            deployment=self._child(DEPLOYMENT, body),
            pods=self._cache.pods(key),
            problem=problem,
            revision=desired.revision,
            update=desired.update,
            strategy=desired.strategy,
            previous=previous,
            now=self._time(),
        )
        self.reasons[key] = _reason(status)
        if status == previous:
            return _generation(known)
        return _generation(await self._put_status(body, previous, status))

    async def _put_status(self, body: KubernetesObject, previous: Status, status: Status) -> KubernetesObject:
        identity = {field: body["metadata"][field] for field in ("name", "namespace", "uid")}
        written = await self._cluster.patch_status(
            {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": status}
        )
        self._cache.put(RESOURCE, written)
        for event in events_between(previous, status):
            await self._cluster.record_event(written, event)
        return written

    def _child(self, kind: Kind, body: Mapping[str, Any]) -> KubernetesObject | None:
        metadata = body["metadata"]
        live = self._cache.get(kind, Key(metadata["namespace"], metadata["name"]))
        return live if live is not None and is_controlled(live, body) else None


def _generation(body: Mapping[str, Any]) -> int:
    return int(body["metadata"]["generation"])


def _reason(status: Status) -> str:
    ready = condition(status, "Ready")
    return str(ready["reason"]) if ready else ""


def _is_new(body: Mapping[str, Any]) -> bool:
    """Tell whether the status was never written; the CRD's default is no condition."""
    return "conditions" not in body.get("status", {})
