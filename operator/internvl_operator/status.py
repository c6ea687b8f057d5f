"""The status: a pure function of the plan, the observed Deployment and pods, the previous status and the time.

Nothing in it changes with time alone, so that a resource at rest is never written.

Why: docs/design/008-no-durations-in-status.md
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from internvl_operator.api.reasons import FROM_PODS, Reason
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.conditions import Condition, at_zero, update_available, waking, with_times
from internvl_operator.desired import Desired
from internvl_operator.diagnosis.diagnose import diagnose
from internvl_operator.diagnosis.finding import Finding
from internvl_operator.diagnosis.routes import picker_troubles, refusals
from internvl_operator.kube.objects import condition_of
from internvl_operator.manifests.children import Children
from internvl_operator.manifests.labels import selector
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.objects.service import endpoint
from internvl_operator.manifests.server_arguments import served_name
from internvl_operator.manifests.trusted_record import RECORD_HASH, record_hash
from internvl_operator.observed import Observed
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.plan import Plan
from internvl_operator.problem import Problem

Status = dict[str, Any]

_PAUSED = (
    "somebody paused the Deployment, and its pods do not become what they should be: "
    "kubectl rollout resume deployment/{}"
)

_ON_THE_WAY = {*FROM_PODS, Reason.DEPLOYING}
"""The reasons for which the first replica of a resource does not answer yet."""


def status_of(
    desired: Desired, observed: Observed, problem: Problem | None, previous: Mapping[str, Any], now: str
) -> Status:
    """Return the status of a resource.

    Args:
        desired: what the resource should have.
        observed: what it has.
        problem: what stands in the way.
        previous: the stored status, whose transition times are kept.
        now: the time, in RFC 3339.
    """
    resource, plan, children = desired.resource, desired.plan, desired.children
    update = children.update if children else None
    conditions = [
        *_conditions(desired, observed, problem),
        update_available(update, desired.is_record_newer),
    ]
    counts = (observed.deployment or {}).get("status", {})
    status: Status = {
        "observedGeneration": observed.generation,
        "conditions": [with_times(item, observed.generation, previous, now) for item in conditions],
        "replicas": counts.get("replicas", 0),
        "readyReplicas": counts.get("readyReplicas", 0),
    }
    if resource is not None:
        name = resource.metadata.name
        status["ready"] = f"{counts.get('readyReplicas', 0)}/{_wanted_replicas(resource)}"
        status["selector"] = ",".join(f"{key}={value}" for key, value in selector(name).items())
        status["endpoint"] = endpoint(resource)
    if plan is not None:
        status["plan"] = plan_document(plan)
    if plan is not None and resource is not None:
        status["modelName"] = resource.spec.server.model_name or served_name(plan)
    status |= _confirmed(children, observed, previous)
    if children is not None:
        status["rolloutStrategy"] = children.strategy.value
        if children.wake is not None:
            status["wake"] = _wake(children.wake)
    if update is not None:
        status["updateRevision"] = update.revision
        status["updateChanges"] = list(update.changes)
    return status


def _confirmed(children: Children | None, observed: Observed, previous: Mapping[str, Any]) -> Status:
    """Return what confirms the record of the Deployment, which may not have been written yet.

    Until it has been, the status confirms the record that was there; before there was a Deployment, the one to come.
    Whatever is wrong with the spec, what runs stays confirmed.
    """
    known = {name: previous[name] for name in ("revision", RECORD_HASH) if name in previous}
    if children is None:
        return known
    wanted = {"revision": children.revision, RECORD_HASH: children.record_hash}
    is_first = observed.deployment is None and not known
    return wanted if is_first or record_hash(observed.deployment) == children.record_hash else known


def _is_written(children: Children | None, deployment: Mapping[str, Any] | None) -> bool:
    """Return whether a Deployment is made from what is desired, and not from an earlier spec, or by somebody else."""
    return children is None or record_hash(deployment) == children.record_hash


def _conditions(desired: Desired, observed: Observed, problem: Problem | None) -> list[Condition]:
    deployment = observed.deployment
    found = _finding(desired, observed) if problem is None or not problem.holds_up_others else None
    if found is not None and (found.is_stalled or problem is desired.unmet):
        # What keeps the pods from being ready comes before what the spec asks for beside them.
        problem = None
    ready = _with_gateways(_ready(desired, observed, problem, found), desired, observed)
    is_paused = ready.reason == Reason.DEPLOYMENT_PAUSED
    must_act = problem.is_stalled if problem else is_paused or (found is not None and found.is_stalled)
    wake = desired.children.wake if desired.children else None
    if wake and ready.reason in _ON_THE_WAY and not must_act and not _ready_replicas(deployment):
        ready = waking(ready, wake)
    stalled = not ready.is_true and must_act
    reconciling = not ready.is_true and not must_act
    return [
        ready,
        Condition("Reconciling", reconciling, ready.reason, ready.message if reconciling else ""),
        Condition("Stalled", True, ready.reason, ready.message)
        if stalled
        else Condition("Stalled", False, Reason.NOT_STALLED, ""),
        _planned(desired.plan, problem),
        _available(deployment),
    ]


def _wake(wake: Wake) -> Status:
    return {
        "endpoint": wake.endpoint,
        "host": wake.hosts[0],
        "seconds": wake.seconds,
        "holdSeconds": wake.hold_seconds,
        "cooldownSeconds": wake.cooldown_seconds,
    }


def _finding(desired: Desired, observed: Observed) -> Finding | None:
    """Return why the pods are not ready, if their state shows it."""
    if desired.plan is None or desired.children is None:
        return None
    return diagnose(desired.plan, observed.deployment, observed.pods, desired.children.revision)


def _ready(desired: Desired, observed: Observed, problem: Problem | None, found: Finding | None) -> Condition:
    resource, deployment = desired.resource, observed.deployment
    if problem is not None or resource is None:
        return Condition(
            "Ready", False, problem.reason if problem else "", problem.message if problem else ""
        )
    wanted = _wanted_replicas(resource)
    settled = _settled_replicas(deployment) if _is_written(desired.children, deployment) else None
    if settled == wanted:
        if wanted == 0:
            wake = desired.children.wake if desired.children else None
            return at_zero(resource, wake, observed.scaled_object)
        return Condition("Ready", True, Reason.READY, f"{wanted} of {wanted} replicas answer")
    if wanted == 0:
        return Condition("Ready", False, Reason.STOPPING, "the pods are being stopped, as asked")
    if (deployment or {}).get("spec", {}).get("paused"):
        return Condition("Ready", False, Reason.DEPLOYMENT_PAUSED, _PAUSED.format(resource.metadata.name))
    if found is not None:
        return Condition("Ready", False, found.reason, found.message)
    have = _ready_replicas(deployment)
    progress = condition_of((deployment or {}).get("status", {}), "Progressing")
    if progress and progress.get("reason") == Reason.PROGRESS_DEADLINE_EXCEEDED:
        return Condition("Ready", False, Reason.PROGRESS_DEADLINE_EXCEEDED, progress.get("message", ""))
    return Condition("Ready", False, Reason.DEPLOYING, f"{have} of {wanted} replicas answer")


def _with_gateways(ready: Condition, desired: Desired, observed: Observed) -> Condition:
    """Return the condition of a model that serves with what keeps Gateways from routing to it."""
    if desired.resource is None or ready.reason != Reason.READY:
        return ready
    refused = refusals(observed.route, desired.resource.spec.gateway.parent_refs)
    troubles = picker_troubles(observed.pool, observed.picker)
    return replace(ready, message="; ".join((ready.message, *refused, *troubles, *desired.shared_hostnames)))


def _wanted_replicas(resource: InternVLDeployment) -> int:
    return 0 if resource.spec.suspend else resource.spec.replicas


def _ready_replicas(deployment: Mapping[str, Any] | None) -> int:
    return int((deployment or {}).get("status", {}).get("readyReplicas", 0))


def _settled_replicas(deployment: Mapping[str, Any] | None) -> int | None:
    """Return the number of ready replicas once the Deployment has no other, or None while it changes."""
    if deployment is None:
        return None
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return None
    counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "readyReplicas")}
    return int(counts.pop()) if len(counts) == 1 else None


def _planned(plan: Plan | None, problem: Problem | None) -> Condition:
    if plan is not None and plan.is_ok:
        return Condition("Planned", True, Reason.PLANNED, plan.reason)
    if problem is not None:
        return Condition("Planned", False, problem.reason, problem.message)
    return Condition("Planned", False, Reason.NOT_PLANNED, "")


def _available(deployment: Mapping[str, Any] | None) -> Condition:
    if _ready_replicas(deployment):
        return Condition("Available", True, Reason.SERVING, "at least one replica answers")
    return Condition("Available", False, Reason.NOT_SERVING, "no replica answers")
