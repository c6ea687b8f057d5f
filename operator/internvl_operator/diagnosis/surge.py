"""Whether a rollout that starts a new pod beside the old ones has the GPUs for it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from internvl_operator.diagnosis.lost_pods import is_lost
from internvl_operator.diagnosis.pods import Pod
from internvl_operator.diagnosis.scheduling import Obstacle, Unscheduled, scheduling_of


@dataclass(frozen=True, slots=True)
class CrampedSurge:
    """A new pod that waits for the GPUs which the old pods of its resource hold.

    Args:
        revision: the revision of the new pod.
        since: when the new pod began to wait.
    """

    revision: str
    since: datetime

    def remaining_wait(self, timeout_seconds: int, now: datetime) -> float:
        """Return the seconds until the pod has waited for the timeout; 0 when it has."""
        return max(0.0, timeout_seconds - (now - self.since).total_seconds())


def cramped_surge(pods: Collection[Pod], gpu_resource: str) -> CrampedSurge | None:
    """Return the new pod that an old one would make room for by stopping, or None when there is none.

    Stopping an old pod helps only where both need the same GPUs of the same nodes.

    Args:
        pods: all pods of the resource.
        gpu_resource: the extended resource that they ask for.
    """
    for pod in pods:
        unscheduled = scheduling_of([pod], gpu_resource)
        if unscheduled is None or not _lacks_only_gpus(unscheduled, gpu_resource):
            continue
        others = [other for other in pods if other.revision != pod.revision and _holds_gpus(other)]
        if others and all(other.placement == pod.placement for other in others):
            return CrampedSurge(pod.revision, datetime.fromisoformat(unscheduled.since or pod.created_at))
    return None


def _holds_gpus(pod: Pod) -> bool:
    """An evicted pod stays behind as Failed until it is collected, and holds nothing."""
    return not (pod.deleting or is_lost(pod))


def _lacks_only_gpus(unscheduled: Unscheduled, gpu_resource: str) -> bool:
    """Tell whether nothing else runs short: an old pod may hold less CPU than the new one asks for."""
    short_of = set(re.findall(r"Insufficient ([-\w./]*\w)", unscheduled.message))
    return unscheduled.obstacle is Obstacle.GPU and short_of == {gpu_resource}
