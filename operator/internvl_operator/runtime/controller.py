"""The controller: keeps the cache, hands keys to workers, and tells whether it makes progress.

Why: docs/design/010-full-lists.md
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from internvl_operator.kube.cache import Cache, resource_key
from internvl_operator.kube.kinds import POD, RESOURCE
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
from internvl_operator.runtime.intake import Intake
from internvl_operator.runtime.log_limit import LimitedLog
from internvl_operator.runtime.metrics import Metrics
from internvl_operator.runtime.queue import WorkQueue
from internvl_operator.settings import Settings

GATHER_SECONDS = 0.2
"""Bursts of children's events are gathered for so long; a change of the resource itself is not delayed."""

PODS_GATHER_SECONDS = 2.0
"""A pod's changes are gathered for longer: on its way to ready it passes states that nobody needs to be told of."""

STUCK_SECONDS = 300.0
"""A key that has been ready for so long without being worked on means that the workers hang."""

REFUSED_RETRY_SECONDS = 60.0
"""What is refused is asked for again at the latest after so long: policies, quotas and webhooks change unseen."""

_DELAYS = {RESOURCE: 0.0, POD: PODS_GATHER_SECONDS}
_RELIST_RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Controller:
    """Feeds the reconciler.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects.
        reconciler: does the work.
        queue: the keys to work on.
        metrics: what is counted.
        settings: the operator's settings.
        observed: the kinds of what belongs to resources, as far as the cluster knows them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        reconciler: Reconciler,
        queue: WorkQueue,
        metrics: Metrics,
        settings: Settings,
        observed: Collection[Kind],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._log = LimitedLog(_log, clock)
        self._intake = Intake(cache, metrics, clock)
        self._reconciler = reconciler
        self._queue = queue
        self._metrics = metrics
        self._settings = settings
        self._observed = observed
        self._clock = clock
        self._started_at = clock()
        self._listed_at: float | None = None
        self._working_since: float | None = None
        self.listed = asyncio.Event()
        """Set when every watched kind has been listed once."""

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        """Take in an event of a watch."""
        changed = self._cache.drop(kind, body) if event_type == "DELETED" else self._intake.put(kind, body)
        if changed:
            self._queue.add(resource_key(kind, body), _DELAYS.get(kind, GATHER_SECONDS))

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether a state of an object is known already, such as by the answer to the write that made it."""
        return self._cache.knows(kind, body)

    def skipped(self, kind: Kind, error: Exception) -> None:
        """Take in that an event of a watch could not be read."""
        self._intake.skip(kind, error)

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        """Find what is gone by a list of the informer, which tells itself of what is there only.

        Args:
            kind: of the objects.
            namespace: that was listed; empty: all.
            keys: of the objects that were listed.
            version: at which the list was true.
        """
        for key in self._cache.retain(kind, keys, version, lambda name: namespace in ("", name)):
            self._queue.add(key)

    async def fill(self) -> None:
        """List everything, and again from time to time until cancelled; needs no lead."""
        await self.list_until_done()
        while True:
            await asyncio.sleep(self._settings.relist_seconds)
            await self.list_until_done()

    async def list_until_done(self) -> None:
        """List every watched kind, as often as it takes, and ask for what changed.

        This finds what a broken watch missed. A kind that was listed is not listed again because another failed: an
        API server that answers one request in two would never be done.
        """
        for kind in (RESOURCE, *self._observed):
            for key in await self._list(kind):
                self._queue.add(key)
        self._listed_at = self._clock()
        self.listed.set()

    async def work(self) -> None:
        """Reconcile what was listed and what changes, until cancelled."""
        self._working_since = self._clock()
        self._metrics.leader.set(1)
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._settings.workers):
                tasks.create_task(self._work(), name=f"worker-{number}")

    def why_unhealthy(self) -> str | None:
        """Return why the controller makes no progress, or None when it does."""
        if (waited := self._waited_seconds()) > STUCK_SECONDS:
            return f"a resource has waited {waited:.0f} s for a worker"
        age = self._clock() - (self._started_at if self._listed_at is None else self._listed_at)
        if age > 3 * self._settings.relist_seconds:
            return f"no full list has succeeded for {age:.0f} s"
        return None

    def update_gauges(self) -> None:
        """Set the gauges that are read from the state of the moment."""
        self._metrics.queue_depth.set(len(self._queue))
        self._metrics.queue_oldest_seconds.set(self._waited_seconds())
        for kind in (RESOURCE, *self._observed):
            self._metrics.watched_objects.labels(kind=kind.kind).set(self._cache.count(kind))
            self._metrics.incomplete_objects.labels(kind=kind.kind).set(self._cache.incomplete(kind))
        self._metrics.resources.clear()
        for reason, number in Counter(self._reconciler.reasons.values()).items():
            self._metrics.resources.labels(reason=reason).set(number)

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
                listed = await self._cluster.list(kind, selector, take)
            except ClusterError as error:
                _log.warning("a list failed, again in %s s: %s", _RELIST_RETRY_SECONDS, error)
                await asyncio.sleep(_RELIST_RETRY_SECONDS)
            else:
                keys = {key_of(item) for item in listed.items}
                return changed | self._cache.complete(kind, keys, listed.resource_version, listed.unread)

    async def _work(self) -> None:
        while True:
            await self.work_once()

    async def work_once(self) -> None:
        """Reconcile the next key."""
        key = await self._queue.get()
        started = self._clock()
        try:
            result = await self._reconcile(key)
        finally:
            self._queue.done(key)
        self._metrics.reconciles.labels(result=result).inc()
        self._metrics.reconcile_seconds.observe(self._clock() - started)

    async def _reconcile(self, key: Key) -> str:
        """Reconcile a key and arrange for the next time; return the result's name."""
        before = self._cache.newest(key)
        try:
            after = await self._reconciler.reconcile(key)
        except ThrottledError as error:
            self._retry(key, before, at_least=error.retry_after)
            return "throttled"
        except NotLeaderError:
            # This process is about to end.
            self._queue.retry(key)
            return "not-leader"
        except (ForbiddenError, InvalidError) as error:
            delay = self._queue.retry(key, at_most=REFUSED_RETRY_SECONDS)
            self._log.warn((key, "refused"), f"{key}: refused, again in {delay:.1f} s: {error}")
            return "refused"
        except ClusterError as error:
            delay = self._retry(key, before)
            self._log.warn((key, "again"), f"{key}: again in {delay:.1f} s: {error}")
            return "error"
        except Exception as error:
            delay = self._queue.retry(key)
            self._log.warn((key, "failed"), f"{key}: failed, again in {delay:.1f} s", with_trace=True)
            await self._report(key, error)
            return "error"
        self._queue.forget(key)
        if after is None:
            return "success"
        self._queue.add(key, after)
        return "requeue"

    def _retry(self, key: Key, before: int, at_least: float = 0.0) -> float:
        """Ask for a key again after a backoff, the first one if a write went well; return its seconds.

        A new resource takes eight writes. Where an API server answers every second request, those that fail would
        double the backoff of the others to minutes.
        """
        if self._cache.newest(key) > before:
            self._queue.forget(key)
        return self._queue.retry(key, at_least)

    async def _report(self, key: Key, error: Exception) -> None:
        try:
            await self._reconciler.report(key, error)
        except ClusterError as failure:
            self._log.warn((key, "status"), f"{key}: its status does not tell of that: {failure}")

    def _waited_seconds(self) -> float:
        """Seconds for which the oldest key has waited for a worker; a standby's keys wait for none."""
        if self._working_since is None:
            return 0.0
        return min(self._queue.oldest_seconds, self._clock() - self._working_since)
