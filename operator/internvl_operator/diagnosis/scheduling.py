"""Why a pod is not scheduled, from the condition PodScheduled that the scheduler writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from internvl_operator.diagnosis.pods import Pod


class Obstacle(Enum):
    """What keeps a pod from being scheduled."""

    GPU = "gpu"
    """A node fits but for its free GPUs."""
    VOLUME = "volume"
    """A claim is missing, unbound, or bound to a volume elsewhere."""
    OTHER = "other"
    """Taints, affinity, selectors, CPU, memory, gates."""


@dataclass(frozen=True, slots=True)
class Unscheduled:
    """A pod that the scheduler places on no node.

    Args:
        pod: the name of the pod.
        obstacle: what keeps the pod from being scheduled.
        since: when the pod began to wait, in RFC 3339.
        message: the scheduler's own words about the nodes, without those about preemption.
    """

    pod: str
    obstacle: Obstacle
    since: str
    message: str


_VOLUME_WORDS = (
    "persistentvolume",
    "persistent volume",
    "available volume zone",
    "available disk",
    "enough free storage",
    "max volume count",
    "pvc(s)",
)
"""What the scheduler's volume plugins say: ``pkg/scheduler/framework/plugins/volume*`` of Kubernetes 1.30 to 1.37."""


def scheduling_of(pods: Iterable[Pod], gpu_resource: str) -> Unscheduled | None:
    """Return the pod that has waited longest to be scheduled, with its obstacle, or None when all are scheduled.

    Args:
        pods: the pods to look at, for example those of one revision.
        gpu_resource: the extended resource that they ask for.
    """
    waiting = [found for pod in pods if (found := _unscheduled(pod, gpu_resource))]
    return min(waiting, key=lambda found: found.since, default=None)


def _unscheduled(pod: Pod, gpu_resource: str) -> Unscheduled | None:
    scheduled = pod.condition("PodScheduled")
    if scheduled is None or scheduled.is_true or pod.deleting:
        return None
    message, _, _ = (scheduled.message or scheduled.reason).partition(" preemption:")
    return Unscheduled(pod.name, _obstacle(message, gpu_resource), scheduled.since, message)


def _obstacle(message: str, gpu_resource: str) -> Obstacle:
    if f"Insufficient {gpu_resource}" in message:
        return Obstacle.GPU
    if any(word in message.lower() for word in _VOLUME_WORDS):
        return Obstacle.VOLUME
    return Obstacle.OTHER
