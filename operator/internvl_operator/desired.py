"""From a resource to what it should have: parse, plan, render, pin. Pure but for the look at the nodes."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import API_VERSION, KIND, InternVLDeployment
from internvl_operator.diagnosis.pods import Pod
from internvl_operator.diagnosis.surge import cramped_surge
from internvl_operator.kube.nesting import too_deep
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.objects.persistentvolumeclaim import unmet_claim
from internvl_operator.manifests.record import (
    MOST_ANNOTATION_BYTES,
    UnreadableRecordError,
    carries_record,
    inputs_of,
    record_bytes,
    record_of,
)
from internvl_operator.manifests.revision import Update
from internvl_operator.manifests.rollout import Strategy, terminate_first_revision
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.autoscaling import with_autoscaling_warning
from internvl_operator.planner.nodes.inventory import Inventory, NoGpuKnownError
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.remarks.spec_remarks import with_spec_remarks
from internvl_operator.planner.remote_code import with_branch_warning
from internvl_operator.planner.request import GpuRequest, PlanRequest, request_of
from internvl_operator.planner.sticky_plan import replanned
from internvl_operator.problem import Problem

REPLAN_SECONDS = 60.0
"""A plan that failed for want of GPUs is tried again: nodes may have come."""

DEEPEST_SPEC = 64
"""Levels of a spec, several times what the fields have that Kubernetes's own types describe."""


class InventorySource(Protocol):
    """Reads the GPUs that there are."""

    async def __call__(self, request: GpuRequest, /, *, anew: bool = False) -> Inventory:
        """Return the GPUs that a request may use; ``anew``: as they are now, and not a minute ago."""
        ...


_NEWER_OPERATOR = (
    "a newer operator runs this model, in a way that this one does not know ({}): its pods are left as they are; "
    "install the newer operator again"
)

_REASONS = {
    Outcome.OOM: Reason.DOES_NOT_FIT,
    Outcome.NO_KV_FOR_SESSION: Reason.NO_KV_FOR_SESSION,
    Outcome.SESSION_EXCEEDS_KV: Reason.SESSION_EXCEEDS_KV,
    Outcome.REJECTED: Reason.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Desired:
    """What a resource should have.

    Args:
        resource: the parsed resource; None when it cannot be parsed.
        plan: the plan, also when it is one that fails; None when no GPU is known.
        children: the manifests in the order of creation; empty when nothing may be changed.
        revision: hash of the pod template.
        update: another pod template that waits for consent.
        strategy: how the pod template is rolled out.
        look_again_after: seconds after which time alone may change what is desired.
        problem: why there are no children.
        unmet: what of the spec the children cannot become.
        is_record_newer: whether a newer operator says what the pods are made from, whatever the spec.
        is_record_distrusted: whether the Deployment has a record that the operator did not write, and plans anew.
    """

    resource: InternVLDeployment | None
    plan: Plan | None = None
    children: tuple[KubernetesObject, ...] = ()
    revision: str | None = None
    update: Update | None = None
    strategy: Strategy | None = None
    look_again_after: float | None = None
    problem: Problem | None = None
    unmet: Problem | None = None
    is_record_newer: bool = False
    is_record_distrusted: bool = False


async def desire(
    body: Mapping[str, Any],
    deployment: Mapping[str, Any] | None,
    pods: Collection[Pod],
    inventory: InventorySource,
    now: datetime,
    platform: PlatformDefaults = NO_DEFAULTS,
    claim: Mapping[str, Any] | None = None,
) -> Desired:
    """Return what a resource should have.

    Args:
        body: the resource as the API server has it.
        deployment: its Deployment, if there is one, which carries the plan that runs.
        pods: the Deployment's pods.
        inventory: reads the GPUs; asked only when a plan has to be made.
        now: the time, with its zone.
        platform: the installation's defaults, which are no inputs: their change alone restarts nothing.
        claim: the resource's PersistentVolumeClaim, if there is one.
    """
    if path := too_deep(body.get("spec") or {}, DEEPEST_SPEC):
        message = f"spec.{path} is nested more than {DEEPEST_SPEC} levels deep, as no field of Kubernetes is: mend it"
        return Desired(None, problem=Problem(Reason.INVALID_SPEC, message))
    try:
        given = parse(dict(body))
    except InvalidSpecError as error:
        return Desired(None, problem=Problem(Reason.INVALID_SPEC, str(error)))
    inputs = inputs_of(given.spec)
    resource = platform.applied_to(given)
    try:
        stored = record_of(deployment)
    except UnreadableRecordError as error:
        return Desired(resource, problem=Problem(Reason.NEWER_OPERATOR, _NEWER_OPERATOR.format(error)))
    if stored is not None and not stored.is_of((body.get("status") or {}).get("revision")):
        # Somebody else's; or the operator ended before it wrote the status, and makes the same plan again.
        stored = None
    is_distrusted = stored is None and carries_record(deployment)
    request = request_of(resource.spec)
    if stored is not None and resource.spec.suspend:
        # What is wanted afterwards is planned then: the GPUs become free whether or not there will be a plan.
        plan = stored.plan
    elif stored is not None and stored.holds_for(inputs):
        plan = replanned(stored.plan, request)
    else:
        try:
            plan = await _planned(request, inventory)
        except NoGpuKnownError as error:
            return Desired(
                resource, problem=Problem(Reason.NO_GPU_KNOWN, str(error), retry_after=REPLAN_SECONDS)
            )
    if not plan.is_ok:
        problem = Problem(_REASONS[plan.outcome], plan.reason, retry_after=REPLAN_SECONDS)
        return Desired(resource, plan, problem=problem)
    without_room, look_again_after = _revision_without_room(resource, plan, pods, now)
    terminate_first = without_room or terminate_first_revision(deployment)
    children = render_children(resource, plan, inputs, stored, terminate_first, platform, claim)
    if (size := record_bytes(children.manifests)) > MOST_ANNOTATION_BYTES:
        message = (
            f"the pod template and the plan take {size // 1024} KiB as JSON, and the Deployment keeps them in "
            f"annotations, which may have {MOST_ANNOTATION_BYTES // 1024} KiB: shorten engine.env, "
            "engine.extraArgs or podTemplate"
        )
        return Desired(resource, plan, problem=Problem(Reason.POD_TEMPLATE_TOO_LARGE, message))
    return Desired(
        resource,
        with_spec_remarks(
            with_branch_warning(with_autoscaling_warning(children.plan, request), request), request
        ),
        tuple(_owned(manifest, body) for manifest in children.manifests),
        children.revision,
        children.update,
        children.strategy,
        look_again_after,
        unmet=_unmet(given, claim),
        is_record_newer=stored is not None and stored.is_newer,
        is_record_distrusted=is_distrusted,
    )


async def _planned(request: PlanRequest, inventory: InventorySource) -> Plan:
    """Return the plan; what has no place on the nodes of a minute ago may have one on those of now.

    Raises:
        NoGpuKnownError: nothing tells what GPU there will be.
    """
    with suppress(NoGpuKnownError):
        plan = make_plan(request, await inventory(request.gpu))
        if plan.is_ok:
            return plan
    return make_plan(request, await inventory(request.gpu, anew=True))


def _unmet(resource: InternVLDeployment, claim: Mapping[str, Any] | None) -> Problem | None:
    message = unmet_claim(resource, claim)
    return Problem(Reason.CACHE_CLAIM_IMMUTABLE, message) if message else None


def _revision_without_room(
    resource: InternVLDeployment, plan: Plan, pods: Collection[Pod], now: datetime
) -> tuple[str | None, float | None]:
    """Return the revision that has waited long enough for GPUs of its own, or the seconds until it has."""
    surge = cramped_surge(pods, plan.resource)
    if surge is None or resource.spec.rollout.strategy != "Auto":
        return None, None
    remaining = surge.waits_still(resource.spec.rollout.surge_timeout_seconds, now)
    return (None, remaining) if remaining else (surge.revision, None)


def _owned(child: KubernetesObject, owner: Mapping[str, Any]) -> KubernetesObject:
    reference = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {**child, "metadata": {**child["metadata"], "ownerReferences": [reference]}}
