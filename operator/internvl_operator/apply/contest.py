"""Restores a child that somebody has changed, and reports it when that happens again and again."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from internvl_operator.api.reasons import Reason
from internvl_operator.apply.fights import Fights, is_scaled, other_managers, scales
from internvl_operator.apply.own_writes import OwnWrites
from internvl_operator.kube.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import Cluster, ClusterError, Key, Kind, KubernetesObject
from internvl_operator.manifests.labels import MANIFEST_ANNOTATION
from internvl_operator.problem import Problem

_MOST_NAMES = 3


def _target(autoscaler: KubernetesObject) -> KubernetesObject:
    """Return what is looked at of an autoscaler: a cluster may have many, with large statuses."""
    names = {name: autoscaler["metadata"][name] for name in ("namespace", "name")}
    return {"metadata": names, "spec": {"scaleTargetRef": autoscaler["spec"]["scaleTargetRef"]}}


class Contest:
    """Writes children that are there already.

    Args:
        cluster: the Kubernetes API.
        writes: takes the writes, and adds the answers to the cache.
        now: returns the time, with its zone.
    """

    def __init__(self, cluster: Cluster, writes: OwnWrites, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._writes = writes
        self._now = now
        self._fights = Fights()
        self._messages: dict[tuple[Kind, Key], str] = {}

    async def put_back(self, kind: Kind, child: KubernetesObject, live: Mapping[str, Any]) -> Problem | None:
        """Write a child that differs, unless it was written often already; then say who else writes it.

        Raises:
            ClusterError: the API failed or refused it.
        """
        key, wanted = key_of(child), child["metadata"]["annotations"][MANIFEST_ANNOTATION]
        pause = self._fights.pause(kind, key, wanted, self._now())
        if pause:
            # Read once in a pause, so that somebody who writes 20 times a second does not cause 20 reads.
            if (kind, key) not in self._messages:
                self._messages[kind, key] = await self._message(kind, key)
            return Problem(
                Reason.CONTESTED,
                self._messages[kind, key],
                retry_after=pause.total_seconds(),
                holds_up_others=False,
            )
        self._messages.pop((kind, key), None)
        await self._writes.make(kind, key, self._cluster.apply(child, uid=live["metadata"]["uid"]))
        self._fights.put_back(kind, key, self._now())
        return None

    def forget(self, key: Key) -> None:
        """Forget the children of a resource that is gone."""
        self._fights.forget(key)
        self._messages = {item: message for item, message in self._messages.items() if item[1] != key}

    async def _message(self, kind: Kind, key: Key) -> str:
        return (
            f"the {kind.kind} {key.name} is changed again and again{await self._others(kind, key)}: what is not as the "
            "spec says is put back more and more rarely, at least every 5 minutes; end those changes, or change the "
            "resource instead"
        )

    async def _others(self, kind: Kind, key: Key) -> str:
        """Return who else changes a child; empty when the API server does not say it."""
        try:
            live = await self._cluster.find(kind, key)
            names = other_managers(live) if live else []
            if kind == DEPLOYMENT and live and is_scaled(live):
                listed = (await self._cluster.list(HORIZONTAL_POD_AUTOSCALER, keep=_target)).items
                names = [
                    f"the HorizontalPodAutoscaler {item['metadata']['name']}, which is to scale the resource instead"
                    for item in listed
                    if scales(item, key)
                ] + names
        except ClusterError:
            return ""
        return f" by {', '.join(names[:_MOST_NAMES])}" if names else ""
