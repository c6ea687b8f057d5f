"""The only orchestration: from the cached state of one resource to its children and its status."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.apply.child_writer import ChildWriter
from internvl_operator.apply.finishing import all_of, to_its_end
from internvl_operator.apply.own_writes import OwnWrites
from internvl_operator.apply.unlabelled import with_unlabelled
from internvl_operator.apply.warnings import Warnings
from internvl_operator.conditions import internal_error_status, write_failed_status
from internvl_operator.desired import Desired, InventorySource, desired_state
from internvl_operator.diagnosis.hostnames import Hostnames
from internvl_operator.events import events_between, log_lines_between
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.objects import condition_of, key_of
from internvl_operator.kube.port import (
    Cluster,
    ClusterError,
    ForbiddenError,
    InvalidError,
    Key,
    Kind,
    KubernetesObject,
    NotFoundError,
)
from internvl_operator.manifests.child_kind import Wave
from internvl_operator.manifests.children import Children
from internvl_operator.observed import Observed, observe
from internvl_operator.problem import Problem, blocking
from internvl_operator.status import Status, status_of
from internvl_operator.text.log_limit import LimitedLog

FINISH_SECONDS = 5.0
"""How long a change may go on after SIGTERM: its status confirms the Deployment that was written before it."""

_log = logging.getLogger(__name__)


class _NewerSpecError(Exception):
    """The spec has changed since it was read."""


@dataclass(kw_only=True, eq=False)
class Reconciler:
    """Makes the children and the status of a resource match its spec. Level-triggered and idempotent.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects; the answers to the reconciler's own writes are added to it.
        children: the kinds of children that the API server serves, by their names.
        inventory: reads the GPUs of the cluster.
        now: returns the time, with its zone.
        platform: the installation's defaults.
        requeue: has another resource reconciled, of which something changes in this one.
        status_refused: is called whenever the API server refuses to store a status.
    """

    cluster: Cluster
    cache: Cache
    children: Mapping[str, Kind]
    inventory: InventorySource
    now: Callable[[], datetime]
    platform: PlatformDefaults = NO_DEFAULTS
    requeue: Callable[[Key], None] = lambda _: None
    status_refused: Callable[[], None] = lambda: None
    reasons: dict[Key, str] = field(default_factory=dict, init=False)
    """The reason of the Ready condition of every resource that was reconciled and is not being deleted."""

    def __post_init__(self) -> None:
        self.writes = OwnWrites(self.cache)
        self._writer = ChildWriter(self.cluster, self.cache, self.writes, self.children, self.now)
        self._written_records: dict[Key, str] = {}
        self._warnings = Warnings(self.cluster)
        self._log = LimitedLog(_log, lambda: self.now().timestamp())
        self._hostnames = Hostnames(lambda: self.cache.objects(RESOURCE), lambda key: self.requeue(key))

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile a resource; return the seconds after which to requeue it, or None.

        Raises:
            ClusterError: the API failed, or refused a child, in a way that a later try may mend.
        """
        body = self.cache.get(RESOURCE, key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            if self.reasons.pop(key, None) is not None:
                self._say(key, "deleted")
            self._forget(key)
            return None
        body = {"apiVersion": API_VERSION, "kind": KIND, **body}
        observed = await with_unlabelled(
            self.cluster,
            replace(observe(self.cache, body), written_record=self._written_records.get(key, "")),
        )
        desired = await desired_state(
            observed, self.inventory, self.now(), self.platform, self.children.keys()
        )
        desired = replace(desired, shared_hostnames=self._hostnames.shared(body))
        made = self._make_and_report(observed, desired)
        try:
            # The status of a new resource confirms its Deployment before there is one.
            problem = await (made if observed.is_new else to_its_end(made, FINISH_SECONDS))
        except _NewerSpecError:
            return 0.0
        except NotFoundError:
            # The resource or its namespace is being deleted: owner references clean up.
            return None
        if problem and problem.refusal:
            raise problem.refusal
        waits = (problem.retry_after if problem else None, desired.look_again_after)
        return min((wait for wait in waits if wait is not None), default=None)

    async def _make_and_report(self, observed: Observed, desired: Desired) -> Problem | None:
        """Write the children and then the status, and return the problem that the status tells of."""
        problem = desired.problem
        if desired.is_record_distrusted and problem is None:
            await self._warnings.record_ignored(observed.body)
        if desired.children is not None:
            problem = await self._make_children(observed, desired, desired.children) or desired.unmet
        await self._write_status(observed, desired, problem)
        return problem

    def _forget(self, key: Key) -> None:
        self._writer.forget(key)
        self._hostnames.forget(key)
        self._written_records.pop(key, None)
        self._warnings.forget(key)

    async def _make_children(
        self, observed: Observed, desired: Desired, children: Children
    ) -> Problem | None:
        """Write the children in two waves, first what pods need, then the Deployment; then delete unwanted ones.

        Returns:
            The problem to report in the status, or None when all children are as desired.

        Raises:
            NotFoundError: the resource is gone.
            _NewerSpecError: its spec has changed.
            ClusterError: the API failed in a way that a later try may mend.
        """
        body = observed.body
        if not observed.is_new and self._writer.lacks(children.manifests):
            # The garbage collector may have deleted the children of a resource whose deletion the cache has not seen
            # yet. Children that are made again then would be deleted again, and so on.
            await self._must_exist(body)
        writes = [self._writer.apply(child, body) for child in children.in_wave(Wave.BEFORE_PODS)]
        if observed.is_new:
            # The answer to this write carries the latest generation: a spec that has changed is noticed before there
            # are pods.
            writes.insert(0, self._write_status(observed, desired, None))
        problems = await all_of(writes)
        if (problem := blocking(problems)) is None:
            await self._writer.delete_replaced(children.manifests, body)
            writes = [self._writer.apply(child, body) for child in children.in_wave(Wave.WITH_PODS)]
            problems += await all_of(writes)
            problem = blocking(problems)
        if problem is None:
            self._written_records[key_of(body)] = children.record_hash
            await self._writer.delete_unwanted(children.manifests, body)
            problem = next(iter(problems), None)
        return problem

    async def _must_exist(self, body: Mapping[str, Any]) -> None:
        """Ask the API server whether a resource exists.

        Raises:
            NotFoundError: it does not, or is being deleted.
        """
        found = await self.cluster.find(RESOURCE, key_of(body))
        metadata = (found or {}).get("metadata", {})
        if metadata.get("uid") != body["metadata"]["uid"] or metadata.get("deletionTimestamp"):
            raise NotFoundError(f"{key_of(body)} is gone")

    async def report(self, key: Key, error: Exception) -> None:
        """Say in a resource's status that the API server fails at its writes, or the operator itself at the resource.

        Raises:
            ClusterError: the API failed.
        """
        body = self.cache.get(RESOURCE, key)
        if body is None:
            return
        previous = body.get("status", {})
        failed = write_failed_status if isinstance(error, ClusterError) else internal_error_status
        status = failed(previous, _generation(body), error, self._time())
        self.reasons[key] = _reason(status)
        if status != previous:
            await self._put_status(body, previous, status)

    def _say(self, key: Key, line: str, **fields: str) -> None:
        """Write a line about a resource into the log; the same one at most once a minute."""
        self._log.inform(
            (key, line), f"{key}: {line}", {"namespace": key.namespace, "resource": key.name, **fields}
        )

    def _time(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _write_status(self, observed: Observed, desired: Desired, problem: Problem | None) -> None:
        """Write the status if it differs, and record Events of what changed.

        Raises:
            _NewerSpecError: the answer shows a newer spec than the reconciled one. The cache has the newer resource
                now, so the watch event of that change will look like no change: the resource must be requeued.
            ClusterError: the API failed.
        """
        body = observed.body
        latest = self.cache.get(RESOURCE, key_of(body), body) or body
        previous = latest.get("status", {})
        now = observe(self.cache, body, before=observed)
        status = status_of(desired, now, problem, previous, self._time())
        self.reasons[key_of(body)] = _reason(status)
        if status != previous:
            latest = await self._put_status(body, previous, status)
        if _generation(latest) != _generation(body):
            raise _NewerSpecError

    async def _put_status(
        self, body: Mapping[str, Any], previous: Status, status: Status
    ) -> KubernetesObject:
        identity = {field: body["metadata"][field] for field in ("name", "namespace", "uid")}
        manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": status}
        try:
            written = await self.writes.make(RESOURCE, key_of(body), self.cluster.patch_status(manifest))
        except (InvalidError, ForbiddenError) as error:
            # The stored status stays that of an older state. An Event is the only way left to say so.
            self.status_refused()
            await self._warnings.status_refused(body, error)
            raise
        self._warnings.status_written(key_of(body))
        for line in log_lines_between(previous, status):
            self._say(key_of(body), line, reason=_reason(status), revision=status.get("revision", ""))
        for event in events_between(previous, status):
            await self.cluster.record_event(written, event)
        return written


def _generation(body: Mapping[str, Any]) -> int:
    return int(body["metadata"]["generation"])


def _reason(status: Status) -> str:
    return str((condition_of(status, "Ready") or {}).get("reason", ""))
