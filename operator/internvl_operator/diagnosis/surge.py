"""Whether a surge, a rollout that starts a new pod before an old one stops, lacks GPUs for the new pod."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from internvl_operator.diagnosis.lost_pods import is_lost
from internvl_operator.diagnosis.pods import Pod
from internvl_operator.diagnosis.scheduling import Obstacle, Unscheduled, scheduling_of


@dataclass(frozen=True, slots=True)
class BlockedSurge:
    """A surge whose new pod waits for GPUs that the old pods of the same resource hold.

    Args:
        revision: the revision of the new pod.
        since: when the new pod began to wait.
    """

    revision: str
    since: datetime

    def remaining_wait(self, timeout_seconds: int, now: datetime) -> float:
        """Return the seconds until the new pod has waited for the timeout; 0 if it already has."""
        return max(0.0, timeout_seconds - (now - self.since).total_seconds())


def blocked_surge(pods: Collection[Pod], gpu_resource: str) -> BlockedSurge | None:
    """Return the surge that would go on if an old pod stopped, or None when there is none.

    Stopping an old pod helps only if GPUs are all that the new pod lacks, and if both pods need the same GPUs of the
    same nodes.

    Args:
        pods: all pods of the resource.
        gpu_resource: the extended resource that the pods request, such as ``nvidia.com/gpu``.
    """
    for pod in pods:
        unscheduled = scheduling_of([pod], gpu_resource)
        if unscheduled is None or not _lacks_only_gpus(unscheduled, gpu_resource):
            continue
        others = [other for other in pods if other.revision != pod.revision and _holds_gpus(other)]
        if others and all(other.placement == pod.placement for other in others):
            return BlockedSurge(pod.revision, datetime.fromisoformat(unscheduled.since or pod.created_at))
    return None


def _holds_gpus(pod: Pod) -> bool:
    """Return whether a pod holds GPUs: one that is being deleted, or was evicted and stays as Failed, does not."""
    return not (pod.deleting or is_lost(pod))


def _lacks_only_gpus(unscheduled: Unscheduled, gpu_resource: str) -> bool:
    """Return whether only GPUs are lacking. An old pod that stops may free less CPU than the new pod requests."""
    short_of = set(re.findall(r"Insufficient ([-\w./]*\w)", unscheduled.message))
    return unscheduled.obstacle is Obstacle.GPU and short_of == {gpu_resource}
