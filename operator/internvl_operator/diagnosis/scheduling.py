"""Why a pod is not scheduled, from the condition PodScheduled that the scheduler writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from internvl_operator.diagnosis.pods import Pod, PodCondition
from internvl_operator.planner.nodes.inventory import NO_USABLE_NODE
from internvl_operator.planner.plan import Plan


class Obstacle(Enum):
    """What keeps a pod from being scheduled."""

    GPU = "gpu"
    """A node would fit, but has too few free GPUs."""
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


_GPU_TAINT = "untolerated taint {nvidia.com/"

_ADVICE = (
    ("untolerated taint", "tolerate the taint in podTemplate.tolerations, if these nodes are meant"),
    ("Insufficient cpu", "lower podTemplate.resources.requests.cpu, or use larger nodes"),
    ("Insufficient memory", "lower podTemplate.resources.requests.memory, or use larger nodes"),
    (
        "Insufficient ephemeral-storage",
        "keep the files in a claim with model.cache, lower podTemplate.resources.requests.ephemeral-storage, or use "
        "nodes with a larger disk",
    ),
    ("topology spread", "compare the nodes with podTemplate.topologySpreadConstraints"),
    ("anti-affinity rules", "compare what runs on the nodes with podTemplate.affinity"),
)
"""What the scheduler's plugins say (``pkg/scheduler/framework/plugins`` of Kubernetes), and the next step."""

_OTHER_NODES = "node affinity/selector"


def advice_on(message: str, plan: Plan) -> str:
    """Return the next step about a pod that is placed nowhere, with the fields that are in the way.

    Args:
        message: the scheduler's own words about the nodes.
        plan: how the pod is run.
    """
    steps = [step for words, step in _ADVICE if words in message]
    if _OTHER_NODES in message and not any(
        words.startswith("Insufficient") and words in message for words, _ in _ADVICE
    ):
        steps.append(_on_other_nodes(plan))
    return "; ".join(steps) or "compare the nodes' labels, taints and free resources with spec.podTemplate"


def absence_of(plan: Plan) -> str | None:
    """Return what the plan noted of GPUs that no node had when it was made, or None where some had."""
    noted = [note.partition(": planned")[0] for note in plan.notes if note.startswith(NO_USABLE_NODE)]
    told = [note for note in plan.notes if "; the nodes have " in note]
    return "; ".join((*noted, *told)).replace(" now", " when it was planned") if noted else None


def _on_other_nodes(plan: Plan) -> str:
    pins = " and ".join(f"{key}={value}" for key, value in plan.node_selector.items())
    if absent := absence_of(plan):
        return f"{absent}: correct spec.gpu, or add such nodes" + (f" (labelled {pins})" if pins else "")
    if pins:
        return f"the plan holds the pods to nodes labelled {pins}; see spec.gpu and spec.podTemplate"
    return "compare the nodes' labels with spec.gpu and spec.podTemplate"


def scheduling_of(pods: Iterable[Pod], gpu_resource: str) -> Unscheduled | None:
    """Return the pod that has waited longest to be scheduled, with its obstacle, or None when all are scheduled.

    Args:
        pods: the pods to look at, for example those of one revision.
        gpu_resource: the extended resource that they ask for.
    """
    waiting = [(pod.name, found) for pod in pods if (found := _unscheduled(pod))]
    if not waiting:
        return None
    name, found = min(waiting, key=lambda each: each[1].since)
    message, _, _ = (found.message or found.reason).partition(" preemption:")
    return Unscheduled(name, _obstacle(message, gpu_resource), found.since, message)


def _unscheduled(pod: Pod) -> PodCondition | None:
    scheduled = pod.condition("PodScheduled")
    return None if scheduled is None or scheduled.is_true or pod.deleting else scheduled


def _obstacle(message: str, gpu_resource: str) -> Obstacle:
    # A node without GPUs lacks the resource too: where a taint of GPUs is in the way, those behind it may be free.
    if f"Insufficient {gpu_resource}" in message and _GPU_TAINT not in message:
        return Obstacle.GPU
    if any(word in message.lower() for word in _VOLUME_WORDS):
        return Obstacle.VOLUME
    return Obstacle.OTHER
