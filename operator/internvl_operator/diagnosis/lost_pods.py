"""Pods that are gone, with their node or from it, and that nothing has taken the place of."""

from collections.abc import Iterable, Iterator

from internvl_operator.api.reasons import Reason
from internvl_operator.diagnosis.finding import Finding, finding
from internvl_operator.diagnosis.pods import Pod

_NODE_LOST = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
"""Reasons of the condition DisruptionTarget when it is the node that is gone."""


def is_lost(pod: Pod) -> bool:
    """Return whether a pod has failed or is deleted because of its node, and is not to be counted on."""
    return pod.phase == "Failed" or (pod.deleting and _by_its_node(pod))


def findings_of_lost(pods: Iterable[Pod]) -> Iterator[Finding]:
    """Yield why pods were lost, unless one that came after them has been ready."""
    pods = list(pods)
    for pod in pods:
        if is_lost(pod) and not any(_replaces(other, pod) for other in pods):
            yield _why_lost(pod)


def _replaces(other: Pod, lost: Pod) -> bool:
    return not is_lost(other) and other.created_at >= _lost_at(lost) and _has_been_ready(other)


def _has_been_ready(pod: Pod) -> bool:
    """A pod that never was ready has had its condition Ready, False, since before it was initialized."""
    ready, initialized = pod.condition("Ready"), pod.condition("Initialized")
    if ready is None:
        return False
    return ready.is_true or (
        initialized is not None and initialized.is_true and ready.since > initialized.since
    )


def _lost_at(pod: Pod) -> str:
    conditions = (pod.condition(type_) for type_ in ("DisruptionTarget", "Ready"))
    return max((found.since for found in conditions if found), default=pod.created_at)


def _by_its_node(pod: Pod) -> bool:
    target = pod.condition("DisruptionTarget")
    return pod.reason == "NodeLost" or (target is not None and target.is_true and target.reason in _NODE_LOST)


def _why_lost(pod: Pod) -> Finding:
    if _by_its_node(pod):
        return finding(
            Reason.NODE_LOST,
            f"node {pod.node} is gone, and {pod.name} with it; its replacement is on its way; "
            f"see: kubectl describe node {pod.node}",
        )
    said = f": {pod.message.removesuffix('.')}" if pod.message else ""
    if _is_eviction(pod):
        return finding(
            Reason.EVICTED,
            f"node {pod.node} evicted {pod.name}{said}; its replacement is on its way; what a pod may use of the "
            "node's disk and memory is reserved with podTemplate.resources",
        )
    return finding(
        Reason.REJECTED_BY_NODE,
        f"{pod.name} failed on node {pod.node} ({pod.reason or 'no reason given'}){said}; it is tried again; "
        f"see: kubectl describe node {pod.node}",
    )


def _is_eviction(pod: Pod) -> bool:
    target = pod.condition("DisruptionTarget")
    return pod.reason == "Evicted" or (target is not None and target.is_true)
