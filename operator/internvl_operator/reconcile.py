"""The only orchestration: from the cached state of one resource to its children and its status."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.apply.apply_children import apply_children, is_controlled, lacks_children
from internvl_operator.apply.contest import Contest
from internvl_operator.desired import Desired, InventorySource, desire
from internvl_operator.diagnosis.pods import pods_of
from internvl_operator.events import events_between
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, RESOURCE
from internvl_operator.kube.port import (
    Cluster,
    ClusterEvent,
    InvalidError,
    Key,
    Kind,
    KubernetesObject,
    NotFoundError,
)
from internvl_operator.problem import Problem
from internvl_operator.status import Status, condition, internal_error_status, status_of

_RECORD_DISTRUSTED = ClusterEvent(
    "Warning",
    Reason.RECORD_IGNORED,
    "the annotations internvl.dev/* of the Deployment are not what the operator wrote, and nothing of them is applied: "
    "it plans anew from the spec, and writes them again",
)


_STATUS_REFUSED = (
    "the API server refuses this resource's status, which therefore tells of an earlier state: {}; see whether the CRD "
    "is of another release than the operator, and report it if it is not"
)


class _NewerSpecError(Exception):
    """The spec has changed since it was read."""


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
        self._contest = Contest(cluster, cache, now)
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
            self._contest.forget(key)
            return None
        body = {"apiVersion": API_VERSION, "kind": KIND, **body}
        deployment = self._child(DEPLOYMENT, body)
        claim = self._child(PERSISTENT_VOLUME_CLAIM, body)
        pods = pods_of(deployment, self._cache.pods(key))
        desired = await desire(body, deployment, pods, self._inventory, self._now(), self._platform, claim)
        problem = desired.problem
        try:
            if desired.is_record_distrusted and problem is None:
                await self._cluster.record_event(body, _RECORD_DISTRUSTED)
            if problem is None:
                problem = await self._make_children(body, desired) or desired.unmet
            await self._write_status(body, desired, problem)
        except _NewerSpecError:
            return 0.0
        except NotFoundError:
            # The resource or its namespace is being deleted: owner references clean up.
            return None
        if problem and problem.refusal:
            raise problem.refusal
        return problem.retry_after if problem else desired.look_again_after

    async def _make_children(self, body: KubernetesObject, desired: Desired) -> Problem | None:
        """Bring the children to what is desired, once it is known that there is still such a resource.

        Raises:
            NotFoundError: there is not. Where its deletion is known late, its children go first: made again, they
                would be collected again, and so on.
            ClusterError: the API failed in a way that a later try may mend.
        """
        announcement = []
        if _is_new(body):
            # Beside the first children, and yet before there are pods, it shows that this is still the spec.
            announcement.append(self._write_status(body, desired, None))
        elif lacks_children(self._cache, self._children, desired.children):
            metadata = body["metadata"]
            key = Key(metadata["namespace"], metadata["name"])
            if not _is_same(await self._cluster.find(RESOURCE, key), metadata["uid"]):
                raise NotFoundError(f"{key.namespace}/{key.name} is gone")
        return await apply_children(
            self._cluster, self._cache, self._children, body, desired.children, self._contest, announcement
        )

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

    async def _write_status(self, body: KubernetesObject, desired: Desired, problem: Problem | None) -> None:
        """Write the status if it differs, and tell people what changed.

        Raises:
            _NewerSpecError: the answer shows a newer spec than the one that was acted on. The cache has it from here
                on, so that the watch's own event about it is no news: it has to be looked at again.
            ClusterError: the API failed.
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
            is_record_newer=desired.is_record_newer,
        )
        self.reasons[key] = _reason(status)
        latest = known if status == previous else await self._put_status(body, previous, status)
        if _generation(latest) != _generation(body):
            raise _NewerSpecError

    async def _put_status(self, body: KubernetesObject, previous: Status, status: Status) -> KubernetesObject:
        identity = {field: body["metadata"][field] for field in ("name", "namespace", "uid")}
        manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": status}
        try:
            written = await self._cluster.patch_status(manifest)
        except InvalidError as error:
            # The status goes on telling of another spec; only an Event can still say so.
            await self._cluster.record_event(
                body, ClusterEvent("Warning", Reason.STATUS_REFUSED, _STATUS_REFUSED.format(error))
            )
            raise
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


def _is_same(found: Mapping[str, Any] | None, uid: str) -> bool:
    """Return whether the object that was found has this uid and is not being deleted."""
    metadata = (found or {}).get("metadata", {})
    return metadata.get("uid") == uid and not metadata.get("deletionTimestamp")


def _is_new(body: Mapping[str, Any]) -> bool:
    """Tell whether the status was never written; the CRD's default is no condition."""
    return "conditions" not in body.get("status", {})
