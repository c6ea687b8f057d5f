"""The controller: keeps the cache, hands keys to workers, and reports whether it makes progress.

Why: docs/design/010-full-lists.md
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from internvl_operator.kube.cache import Cache, resource_key
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import (
    Cluster,
    ClusterError,
    ForbiddenError,
    InvalidError,
    Key,
    Kind,
    KubernetesObject,
    NotLeaderError,
    ThrottledError,
)
from internvl_operator.kube.slimming import identity
from internvl_operator.manifests.labels import CHILDREN_SELECTOR
from internvl_operator.reconcile import Reconciler
from internvl_operator.runtime.intake import Intake, gather_seconds
from internvl_operator.runtime.monitoring.metrics import Metrics
from internvl_operator.runtime.queue import WorkQueue
from internvl_operator.settings import Settings
from internvl_operator.text.log_limit import LimitedLog

STUCK_SECONDS = 300.0
"""How long a key may wait for a worker before the workers count as hanging."""

TOLD_AFTER_FAILURES = 9
"""So many failures in a row, which take about half a minute, are no hiccup: the status tells of them."""

REFUSED_RETRY_SECONDS = 60.0
"""Longest time until a refused write is tried again: the operator does not see policies, quotas and webhooks change."""

_RELIST_RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class Controller:
    """Feeds the reconciler.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects.
        reconciler: does the work.
        queue: the keys to work on.
        metrics: what is counted.
        settings: the operator's settings.
        kinds: the kinds of what belongs to resources, as far as the cluster knows them.
        clock: monotonic seconds.
    """

    cluster: Cluster
    cache: Cache
    reconciler: Reconciler
    queue: WorkQueue
    metrics: Metrics
    settings: Settings
    kinds: Collection[Kind]
    clock: Callable[[], float]
    listed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Set when every watched kind has been listed once."""

    _working_since: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._log = LimitedLog(_log, self.clock)
        self._intake = Intake(self.cache, self.metrics, self.clock)
        self._listed_at = self.clock()
        self.reconciler.requeue = self.queue.add
        self.reconciler.writes.changed_by_others = self._enqueue
        self.reconciler.status_refused = self.metrics.status_refusals.inc

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        """Receive an event of a watch: cache the object, and enqueue the resource that it belongs to."""
        is_gone = event_type == "DELETED"
        changed = self.cache.drop(kind, body) if is_gone else self._intake.put(kind, body)
        if changed and (is_gone or not self.reconciler.writes.awaits(kind, body)):
            self._enqueue(kind, body)

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether a state of an object is known already, such as by the answer to the write that made it."""
        return self.cache.knows(kind, body)

    def skipped(self, kind: Kind, error: Exception) -> None:
        """Receive an error: an event of a watch could not be read."""
        self._intake.skip(kind, error)

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        """Find the objects that a list of the informer lacks: the informer only reports objects that exist.

        Args:
            kind: of the objects.
            namespace: that was listed; empty: all.
            keys: of the objects that were listed.
            version: at which the list was true.
        """
        for key in self.cache.retain(kind, keys, version, lambda name: namespace in ("", name)):
            self.queue.add(key)

    async def fill(self) -> None:
        """List everything, and again from time to time until cancelled; needs no lead."""
        while True:
            await self.list_until_done()
            await asyncio.sleep(self.settings.relist_seconds)

    async def list_until_done(self) -> None:
        """List every watched kind, as often as it takes, and ask for what changed.

        This finds what a broken watch missed. A kind that was listed is not listed again because another failed: an
        API server that answers one request in two would never be done.
        """
        for kind in (RESOURCE, *self.kinds):
            for key in await self._list(kind):
                self.queue.add(key)
        self._listed_at = self.clock()
        self.listed.set()

    async def work(self) -> None:
        """Reconcile what was listed and what changes, until cancelled."""
        self._working_since = self.clock()
        self.metrics.leader.set(1)
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.settings.workers):
                tasks.create_task(self._work(), name=f"worker-{number}")

    def _enqueue(self, kind: Kind, body: Mapping[str, Any]) -> None:
        self.queue.add(resource_key(kind, body), gather_seconds(kind))

    def why_unhealthy(self) -> str | None:
        """Return why the controller makes no progress, or None when it does."""
        if (waited := self._waited_seconds()) > STUCK_SECONDS:
            return f"a resource has waited {waited:.0f} s for a worker"
        age = self.clock() - self._listed_at
        if age > 3 * self.settings.relist_seconds:
            return f"no full list has succeeded for {age:.0f} s"
        return None

    def update_gauges(self) -> None:
        """Set the gauges that are read from the state of the moment."""
        self.metrics.queue_depth.set(len(self.queue))
        self.metrics.queue_oldest_seconds.set(self._waited_seconds())
        for kind in (RESOURCE, *self.kinds):
            self.metrics.watched_objects.labels(kind=kind.kind).set(self.cache.count(kind))
            self.metrics.incomplete_objects.labels(kind=kind.kind).set(self.cache.incomplete(kind))
        self.metrics.resources.clear()
        for reason, number in Counter(self.reconciler.reasons.values()).items():
            self.metrics.resources.labels(reason=reason).set(number)

    async def _list(self, kind: Kind) -> set[Key]:
        """List a kind until that goes well, and return the keys of the resources whose objects changed."""
        selector = "" if kind == RESOURCE else CHILDREN_SELECTOR
        changed: set[Key] = set()

        def take(body: KubernetesObject) -> KubernetesObject:
            # Into the cache page by page: parsed, a list takes ten times the memory that the cache does.
            if self._intake.put(kind, body):
                changed.add(resource_key(kind, body))
            return identity(body)

        while True:
            try:
                listed = await self.cluster.list(kind, selector, take)
                break
            except ClusterError as error:
                _log.warning("a list failed, again in %s s: %s", _RELIST_RETRY_SECONDS, error)
                await asyncio.sleep(_RELIST_RETRY_SECONDS)
        keys = {key_of(item) for item in listed.items}
        return changed | self.cache.complete(kind, keys, listed.resource_version, listed.unread)

    async def _work(self) -> None:
        while True:
            await self.work_once()

    async def work_once(self) -> None:
        """Reconcile the next key."""
        key = await self.queue.get()
        started = self.clock()
        try:
            result = await self._reconcile(key)
        finally:
            self.queue.done(key)
        self.metrics.reconciles.labels(result=result).inc()
        self.metrics.reconcile_seconds.observe(self.clock() - started)

    async def _reconcile(self, key: Key) -> str:
        """Reconcile a key and arrange for the next time; return the result's name."""
        before = self.cache.newest(key)
        try:
            after = await self.reconciler.reconcile(key)
        except ThrottledError as error:
            self._retry(key, before, at_least=error.retry_after)
            return "throttled"
        except NotLeaderError:
            # This process is about to end.
            self.queue.retry(key)
            return "not-leader"
        except (ForbiddenError, InvalidError) as error:
            delay = self.queue.retry(key, at_most=REFUSED_RETRY_SECONDS)
            self._log.warn((key, "refused"), f"{key}: refused, again in {delay:.1f} s: {error}")
            return "refused"
        except ClusterError as error:
            delay = self._retry(key, before)
            self._log.warn((key, "again"), f"{key}: again in {delay:.1f} s: {error}")
            if self.queue.failures(key) >= TOLD_AFTER_FAILURES:
                await self._report(key, error)
            return "error"
        except Exception as error:
            delay = self.queue.retry(key)
            self._log.warn((key, "failed"), f"{key}: failed, again in {delay:.1f} s", with_trace=True)
            await self._report(key, error)
            return "error"
        self.queue.forget(key)
        if after is not None:
            self.queue.add(key, after)
        return "success" if after is None else "requeue"

    def _retry(self, key: Key, before: int, at_least: float = 0.0) -> float:
        """Requeue a key after a backoff, the first one if a write went well; return its seconds.

        A new resource takes eight writes: where every second request fails, the backoff would double to minutes.
        """
        if self.cache.newest(key) > before:
            self.queue.forget(key)
        return self.queue.retry(key, at_least)

    async def _report(self, key: Key, error: Exception) -> None:
        try:
            await self.reconciler.report(key, error)
        except Exception as failure:
            # Whatever an object does to its own report, the worker goes on to the next one.
            self._log.warn((key, "status"), f"{key}: the status cannot be written: {failure}")

    def _waited_seconds(self) -> float:
        """Seconds for which the oldest key has waited for a worker; a standby's keys wait for none."""
        if self._working_since is None:
            return 0.0
        return min(self.queue.oldest_seconds, self.clock() - self._working_since)
