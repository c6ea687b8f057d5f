"""A condition of the status, and how UpdateAvailable is computed."""

from dataclasses import dataclass

from internvl_operator.api.reasons import Reason
from internvl_operator.manifests.labels import RECORD_VERSION_ANNOTATION
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
