"""Warning Events about a resource that are recorded once, however often their cause is seen."""

from collections.abc import Mapping
from typing import Any

from internvl_operator.api.reasons import Reason
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import Cluster, ClusterEvent, Key

_RECORD_IGNORED = (
    "the annotations internvl.dev/* of the Deployment are not what the operator wrote, and nothing of them is applied: "
    "it makes a new plan from the spec, and writes them again"
)

_STATUS_REFUSED = (
    "the API server refuses to store the new status of this resource, so the status that it shows is an older one: {}; "
    "see whether the CRD and the operator are of the same release, and if they are, report this as a bug"
)


class Warnings:
    """Records Warning Events. Each Event is an object of its own, so a retry must not record it again.

    Args:
        cluster: the Kubernetes API.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._recorded: dict[Key, dict[Reason, str]] = {}

    async def record_ignored(self, body: Mapping[str, Any]) -> None:
        """Say that the record in the annotations of the Deployment is somebody else's."""
        await self._record(body, Reason.RECORD_IGNORED, _RECORD_IGNORED)

    async def status_refused(self, body: Mapping[str, Any], error: Exception) -> None:
        """Say that the API server refuses the status: it cannot say so itself."""
        await self._record(body, Reason.STATUS_REFUSED, _STATUS_REFUSED.format(error))

    def status_written(self, key: Key) -> None:
        """Take in that a status was written: a refusal after it, or another foreign record, is news."""
        self.forget(key)

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone."""
        self._recorded.pop(key, None)

    async def _record(self, body: Mapping[str, Any], reason: Reason, message: str) -> None:
        recorded = self._recorded.setdefault(key_of(body), {})
        if recorded.get(reason) != message:
            recorded[reason] = message
            await self._cluster.record_event(body, ClusterEvent("Warning", reason, message))
