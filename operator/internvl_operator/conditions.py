"""A condition of the status: UpdateAvailable, Ready around 0 replicas, and all of them after a failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.kube.objects import condition_of, is_true
from internvl_operator.manifests.labels import RECORD_VERSION_ANNOTATION
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.revision import Update

LONGEST_MESSAGE = 32768
"""Characters that a condition's message may have (``metav1.Condition``)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition before it is compared with the previous one."""

    type: str
    is_true: bool
    reason: str
    message: str


def update_available(update: Update | None, is_record_newer: bool) -> Condition:
    """Return whether another pod template waits for consent.

    Args:
        update: the pod template, if there is one.
        is_record_newer: whether a newer operator says what the pods are made from, whatever the spec.
    """
    if is_record_newer:
        message = (
            "a newer operator made the pods: changes of plan and pod template are not applied by this one; install "
            "the newer operator again, or, if there was none, remove the annotation "
            f"{RECORD_VERSION_ANNOTATION} of the Deployment"
        )
        return Condition("UpdateAvailable", False, Reason.NEWER_OPERATOR, message)
    if update is None:
        return Condition("UpdateAvailable", False, Reason.UP_TO_DATE, "")
    message = (
        f"this operator would restart the pods as revision {update.revision}: accept it with "
        f"rollout.acceptedRevision: {update.revision}; changes: {'; '.join(update.changes)}"
    )
    return Condition("UpdateAvailable", True, Reason.NEW_POD_TEMPLATE, message)


_CONFLICT = "the object has been modified"
"""What KEDA reports when the operator wrote the resource between KEDA's look at it and its own write. It tries again,
within a second where a request waits: nobody has to know."""


def at_zero(
    resource: InternVLDeployment, wake: Wake | None, scaled_object: Mapping[str, Any] | None
) -> Condition:
    """Return the condition Ready of a resource that has 0 replicas, as it should.

    Args:
        resource: the resource.
        wake: how it wakes, if it does.
        scaled_object: its ScaledObject, if there is one, in which KEDA says what keeps it from scaling.
    """
    if resource.spec.suspend:
        return Condition("Ready", True, Reason.SUSPENDED, "0 replicas, as asked")
    if wake is None:
        left = "; no autoscaler starts the first replica again: write spec.replicas 1 for that"
        message = f"0 replicas, as asked{left if resource.spec.autoscaling.max_replicas else ''}"
        return Condition("Ready", True, Reason.SCALED_TO_ZERO, message)
    message = (
        f"0 replicas, wakes in about {wake.seconds} s ({wake.reason}): send requests to {wake.endpoint} with the "
        f"header Host: {wake.hosts[0]}"
    )
    keda = condition_of((scaled_object or {}).get("status") or {}, "Ready")
    if keda and keda["status"] == "False" and _CONFLICT not in str(keda.get("message")):
        message += f"; KEDA cannot scale it now: {keda.get('message', '')}"
    return Condition("Ready", True, Reason.SCALED_TO_ZERO, message)


def waking(ready: Condition, wake: Wake) -> Condition:
    """Return the condition Ready of a resource whose first replica is on its way, and for which requests may wait."""
    message = f"waking, requests are held for up to {wake.hold_seconds} s: {ready.message}"
    return Condition(ready.type, ready.is_true, ready.reason, message)


def with_times(item: Condition, generation: int, previous: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return a condition as the status has it; its time is that of its last change of ``status``."""
    before = condition_of(previous, item.type)
    status = "True" if item.is_true else "False"
    unchanged = before is not None and before["status"] == status
    return {
        "type": item.type,
        "status": status,
        "reason": str(item.reason),
        "message": item.message[:LONGEST_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and unchanged else now,
    }


def internal_error_status(
    previous: Mapping[str, Any], generation: int, error: Exception, now: str
) -> dict[str, Any]:
    """Return the status of a resource on which the operator itself failed, with all else as it was."""
    message = (
        f"the operator failed: {type(error).__name__}: {error}; what runs was left as it is, and it is tried "
        "again; report it with the operator's log"
    )
    failed = [
        Condition("Ready", False, Reason.INTERNAL_ERROR, message),
        Condition("Reconciling", False, Reason.INTERNAL_ERROR, ""),
        Condition("Stalled", True, Reason.INTERNAL_ERROR, message),
    ]
    return _with_conditions(previous, generation, failed, now)


def write_failed_status(
    previous: Mapping[str, Any], generation: int, error: Exception, now: str
) -> dict[str, Any]:
    """Return the status of a resource of which a write fails again and again; a model that serves stays ready."""
    message = f"the API server fails: {error}; what runs was left as it is, and it is tried again"
    failed = [
        Condition("Reconciling", True, Reason.WRITE_FAILED, message),
        Condition("Stalled", False, Reason.NOT_STALLED, ""),
    ]
    if not is_true(previous, "Ready"):
        failed.insert(0, Condition("Ready", False, Reason.WRITE_FAILED, message))
    return _with_conditions(previous, generation, failed, now)


def _with_conditions(
    previous: Mapping[str, Any], generation: int, new: Sequence[Condition], now: str
) -> dict[str, Any]:
    types = {item.type for item in new}
    kept = [item for item in previous.get("conditions", ()) if item["type"] not in types]
    times = [with_times(item, generation, previous, now) for item in new]
    return {**previous, "observedGeneration": generation, "conditions": times + kept}
