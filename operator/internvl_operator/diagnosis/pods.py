"""A resource's pods as the cluster reports them: which are its own, of which revision, and in what state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.kube.objects import controller_of
from internvl_operator.kube.slimming import POD_TEMPLATE_HASH
from internvl_operator.manifests.labels import PLACEMENT_ANNOTATION, REVISION_LABEL


@dataclass(frozen=True, slots=True)
class PodCondition:
    """A condition of a pod; ``since`` is when its status last changed, in RFC 3339."""

    is_true: bool
    reason: str
    message: str
    since: str


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended; times in RFC 3339, ``message`` is the end of its log."""

    exit_code: int
    reason: str
    message: str
    started_at: str
    finished_at: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run, in the kubelet's words."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container: it waits, runs, or has ended, and ``last`` is how it ended before that."""

    name: str
    ready: bool
    started: bool
    restarts: int
    waiting: Waiting | None
    running_since: str | None
    ended: Termination | None
    last: Termination | None

    @property
    def end(self) -> Termination | None:
        """How it ended most recently."""
        return self.ended or self.last


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a resource.

    Args:
        revision: the hash of the pod template that it was made from, as the operator applied it.
        placement: the hash of what it needs of a node.
        created_at: in RFC 3339.
        deleting: whether it is being deleted.
        node: empty until it is scheduled.
    """

    name: str
    revision: str
    placement: str
    created_at: str
    deleting: bool
    node: str
    phase: str
    reason: str
    message: str
    conditions: Mapping[str, PodCondition]
    init_containers: tuple[Container, ...]
    containers: tuple[Container, ...]

    def condition(self, type_: str) -> PodCondition | None:
        """Return a condition, or None when the pod has none of this type."""
        return self.conditions.get(type_)

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        ready = self.condition("Ready")
        return ready is not None and ready.is_true and not self.deleting


def pods_of(deployment: Mapping[str, Any] | None, bodies: Iterable[Mapping[str, Any]]) -> tuple[Pod, ...]:
    """Return the pods of a Deployment among those that carry its resource's label, the oldest first.

    A pod belongs to a ReplicaSet whose name is the Deployment's with the hash of the pod template behind it
    (``pkg/controller/deployment/sync.go`` of Kubernetes). Pods of another controller are not ours, whatever
    label they carry.
    """
    if deployment is None:
        return ()
    name = deployment["metadata"]["name"]
    pods = [_pod(body) for body in bodies if is_pod_of(name, body)]
    return tuple(sorted(pods, key=lambda pod: (pod.created_at, pod.name)))


def is_pod_of(deployment: str, body: Mapping[str, Any]) -> bool:
    """Return whether a pod was made for the named Deployment: anyone may put the label on a pod."""
    controller = controller_of(body)
    template_hash = (body["metadata"].get("labels") or {}).get(POD_TEMPLATE_HASH)
    return (
        bool(template_hash)
        and controller is not None
        and (controller["kind"], controller["name"]) == ("ReplicaSet", f"{deployment}-{template_hash}")
    )


def _pod(body: Mapping[str, Any]) -> Pod:
    metadata, status = body["metadata"], body.get("status", {})
    return Pod(
        name=metadata["name"],
        revision=(metadata.get("labels") or {}).get(REVISION_LABEL, ""),
        placement=(metadata.get("annotations") or {}).get(PLACEMENT_ANNOTATION, ""),
        created_at=metadata.get("creationTimestamp", ""),
        deleting=bool(metadata.get("deletionTimestamp")),
        node=body.get("spec", {}).get("nodeName", ""),
        phase=status.get("phase", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        conditions={item["type"]: _condition(item) for item in status.get("conditions") or ()},
        init_containers=tuple(_container(item) for item in status.get("initContainerStatuses") or ()),
        containers=tuple(_container(item) for item in status.get("containerStatuses") or ()),
    )


def _condition(item: Mapping[str, Any]) -> PodCondition:
    return PodCondition(
        is_true=item["status"] == "True",
        reason=item.get("reason") or "",
        message=item.get("message") or "",
        since=item.get("lastTransitionTime") or "",
    )


def _container(item: Mapping[str, Any]) -> Container:
    state, last = item.get("state") or {}, item.get("lastState") or {}
    waiting = state.get("waiting")
    return Container(
        name=item["name"],
        ready=bool(item.get("ready")),
        started=bool(item.get("started")),
        restarts=item.get("restartCount", 0),
        waiting=Waiting(waiting.get("reason", ""), waiting.get("message", "")) if waiting else None,
        running_since=state["running"].get("startedAt") if state.get("running") else None,
        ended=_termination(state.get("terminated")),
        last=_termination(last.get("terminated")),
    )


def _termination(item: Mapping[str, Any] | None) -> Termination | None:
    if not item:
        return None
    return Termination(
        exit_code=item.get("exitCode", 0),
        reason=item.get("reason", ""),
        message=item.get("message", ""),
        started_at=item.get("startedAt") or "",
        finished_at=item.get("finishedAt") or "",
    )
