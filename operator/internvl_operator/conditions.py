"""A condition of the status, how UpdateAvailable is computed, and what Ready says around 0 replicas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.kube.objects import condition_of
from internvl_operator.manifests.labels import RECORD_VERSION_ANNOTATION
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.revision import Update


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
