"""Puts watched objects into the cache one by one: an object that cannot be read does not stop the others."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import POD, RESOURCE
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import Kind
from internvl_operator.runtime.monitoring.metrics import Metrics
from internvl_operator.text.log_limit import LimitedLog

_GATHER_SECONDS = 0.2
"""How long events of children are gathered, as they come in bursts. A change of the resource is not delayed."""

_PODS_GATHER_SECONDS = 2.0
"""How long events of pods are gathered: a pod passes states on its way to ready that nobody needs to see."""

_log = logging.getLogger(__name__)


def gather_seconds(kind: Kind) -> float:
    """Return how long further events are waited for after one of an object of a kind."""
    return {RESOURCE: 0.0, POD: _PODS_GATHER_SECONDS}.get(kind, _GATHER_SECONDS)


class Intake:
    """Puts objects into the cache, and logs those that cannot be kept whole or at all.

    Args:
        cache: the watched objects.
        metrics: counts what was skipped.
        clock: monotonic seconds.
    """

    def __init__(self, cache: Cache, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._metrics = metrics
        self._log = LimitedLog(_log, clock)

    def put(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Keep an object unless a newer state of it is known; return whether anything that is kept changed."""
        try:
            changed = self._cache.put(kind, body)
            key = key_of(body)
        except Exception as error:
            self.skip(kind, error)
            return False
        if changed and self._cache.is_incomplete(kind, key):
            self._log.warn(
                (kind, key),
                f"{kind.kind} {key.namespace}/{key.name} is nested too deep to be known as a whole",
            )
        return changed

    def skip(self, kind: Kind, error: Exception) -> None:
        """Count and log an object that could not be read or kept."""
        self._metrics.skipped_objects.labels(kind=kind.kind).inc()
        self._log.warn(kind, f"a {kind.kind} is left out: {type(error).__name__}: {error}")
