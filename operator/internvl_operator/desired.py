"""From a resource to what it should have: parse, plan, render, pin. Pure, except that a new plan reads the nodes."""

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.diagnosis.pods import pods_of
from internvl_operator.diagnosis.surge import blocked_surge
from internvl_operator.kube.nesting import too_deep
from internvl_operator.manifests.children import EVERY_KIND, Children, render_children
from internvl_operator.manifests.objects.gateway.inferencepool import unmet_gateway
from internvl_operator.manifests.objects.persistentvolumeclaim import size_of, unmet_claim
from internvl_operator.manifests.record import (
    MOST_ANNOTATION_BYTES,
    Record,
    UnreadableRecordError,
    carries_record,
    inputs_of,
    record_bytes,
)
from internvl_operator.manifests.rollout import terminate_first_revision
from internvl_operator.manifests.trusted_record import trusted_record
from internvl_operator.observed import Observed
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.nodes.inventory import Inventory, NoGpuKnownError
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.remarks.completed_plan import completed
from internvl_operator.planner.request import GpuRequest, PlanRequest, request_of
from internvl_operator.planner.sticky_plan import replanned
from internvl_operator.problem import Problem

REPLAN_SECONDS = 60.0
"""A plan that failed for lack of GPUs is tried again after this time: nodes may have been added."""

DEEPEST_SPEC = 64
"""Levels of a spec, several times what the fields have that Kubernetes's own types describe."""


class InventorySource(Protocol):
    """Reads the GPUs that there are."""

    async def __call__(self, request: GpuRequest, /, *, fresh: bool = False) -> Inventory:
        """Return the GPUs that a request may use; ``fresh``: as they are now, and not a minute ago."""
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
    Outcome.LOAD_NOT_CARRIED: Reason.LOAD_NOT_CARRIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What a resource should have, or why it gets nothing new.

    Args:
        resource: the parsed resource; None when it cannot be parsed.
        plan: the plan with its warnings, also when it is one that fails; None when no GPU is known.
        children: the objects that the resource should have, with their owner references; None when nothing may be
            changed.
        look_again_after: seconds after which to reconcile again though nothing has changed; None for no such time.
        problem: why there are no children.
        unmet: a part of the spec that the children cannot have.
        is_record_newer: whether a newer operator wrote the record, so that its pod template stays whatever the spec.
        is_record_distrusted: whether the Deployment has a record that the operator did not write, so that the plan
            was made from the spec alone.
        shared_hostnames: sentences about hostnames that other resources ask for too.
    """

    resource: InternVLDeployment | None = None
    plan: Plan | None = None
    children: Children | None = None
    look_again_after: float | None = None
    problem: Problem | None = None
    unmet: Problem | None = None
    is_record_newer: bool = False
    is_record_distrusted: bool = False
    shared_hostnames: Sequence[str] = ()


async def desired_state(
    observed: Observed,
    inventory: InventorySource,
    now: datetime,
    platform: PlatformDefaults = NO_DEFAULTS,
    served: Container[str] = EVERY_KIND,
) -> Desired:
    """Return what a resource should have.

    Args:
        observed: the resource, and what it has; its Deployment carries the plan that runs.
        inventory: reads the GPUs; asked only when a plan has to be made.
        now: the time, with its zone.
        platform: the installation's defaults, which are no inputs: their change alone restarts nothing.
        served: the names of the kinds of children that the cluster serves.
    """
    try:
        given = _parsed(observed.body)
    except InvalidSpecError as error:
        return Desired(problem=Problem(Reason.INVALID_SPEC, str(error)))
    resource = platform.applied_to(given)
    try:
        stored = trusted_record(
            observed.deployment, observed.body.get("status") or {}, observed.written_record
        )
    except UnreadableRecordError as error:
        problem = Problem(Reason.NEWER_OPERATOR, _NEWER_OPERATOR.format(error))
        return Desired(resource=resource, problem=problem)
    inputs = inputs_of(given.spec)
    live_size = size_of(observed.claim)
    if stored is not None and live_size and stored.inputs == inputs_of(given.spec, live_size):
        # A claim that grows is no reason for a new plan: what runs stays as it is.
        stored = replace(stored, inputs=inputs)
    request = request_of(resource.spec)
    try:
        plan = await _plan(request, inputs, stored, inventory, is_suspended=resource.spec.suspend)
    except NoGpuKnownError as error:
        problem = Problem(Reason.NO_GPU_KNOWN, str(error), retry_after=REPLAN_SECONDS)
        return Desired(resource=resource, problem=problem)
    if not plan.is_ok:
        problem = Problem(_REASONS[plan.outcome], plan.reason, retry_after=REPLAN_SECONDS)
        return Desired(resource=resource, plan=with_speed(plan, request), problem=problem)
    without_room, look_again_after = _revision_without_room(resource, plan, observed, now)
    children = render_children(
        resource,
        plan,
        inputs,
        stored=stored,
        terminate_first=without_room or terminate_first_revision(observed.deployment),
        platform=platform,
        claim=observed.claim,
        served=served,
    )
    if (size := record_bytes(children.manifests)) > MOST_ANNOTATION_BYTES:
        problem = Problem(Reason.POD_TEMPLATE_TOO_LARGE, _too_large(size))
        return Desired(resource=resource, plan=plan, problem=problem)
    return Desired(
        resource=resource,
        plan=completed(children.plan, request),
        children=children.owned_by(observed.body),
        look_again_after=look_again_after,
        unmet=_unmet(given, observed.claim, served),
        is_record_newer=stored is not None and stored.is_newer,
        is_record_distrusted=stored is None and carries_record(observed.deployment),
    )


def _parsed(body: Mapping[str, Any]) -> InternVLDeployment:
    """Return the resource.

    Raises:
        InvalidSpecError: a field is unknown, missing or wrong, or nested too deep to look at.
    """
    if path := too_deep(body.get("spec") or {}, DEEPEST_SPEC):
        raise InvalidSpecError(
            f"spec.{path} is nested more than {DEEPEST_SPEC} levels deep, as no field of Kubernetes is: mend it"
        )
    return parse(dict(body))


async def _plan(
    request: PlanRequest,
    inputs: str,
    stored: Record | None,
    inventory: InventorySource,
    *,
    is_suspended: bool,
) -> Plan:
    """Return the plan that runs as long as the spec asks for the same, or else a new one.

    Raises:
        NoGpuKnownError: neither the spec nor the cluster says which GPU there will be.
    """
    if stored is not None and is_suspended:
        # A new plan is made when the model is wanted again: its GPUs become free even if no plan would fit.
        return stored.plan
    if stored is not None and stored.is_up_to_date_with(inputs):
        return replanned(stored.plan, request)
    return await _new_plan(request, inventory)


async def _new_plan(request: PlanRequest, inventory: InventorySource) -> Plan:
    """Return a plan for the cached nodes or, if that fails, for freshly listed ones: nodes may have been added.

    Raises:
        NoGpuKnownError: neither the spec nor the cluster says which GPU there will be.
    """
    with suppress(NoGpuKnownError):
        plan = make_plan(request, await inventory(request.gpu))
        if plan.is_ok:
            return plan
    return make_plan(request, await inventory(request.gpu, fresh=True))


def _unmet(
    resource: InternVLDeployment, claim: Mapping[str, Any] | None, served: Container[str]
) -> Problem | None:
    if message := unmet_claim(resource, claim):
        return Problem(Reason.CACHE_CLAIM_IMMUTABLE, message, holds_up_others=False)
    if message := unmet_gateway(resource, served):
        return Problem(Reason.GATEWAY_UNAVAILABLE, message, holds_up_others=False)
    return None


def _revision_without_room(
    resource: InternVLDeployment, plan: Plan, observed: Observed, now: datetime
) -> tuple[str | None, float | None]:
    """Return the revision that has waited long enough for GPUs of its own, or the seconds until it has."""
    surge = blocked_surge(pods_of(observed.deployment, observed.pods), plan.resource)
    if surge is None or resource.spec.rollout.strategy != "Auto":
        return None, None
    remaining = surge.remaining_wait(resource.spec.rollout.surge_timeout_seconds, now)
    return (None, remaining) if remaining else (surge.revision, None)


def _too_large(size: int) -> str:
    return (
        f"the pod template and the plan take {size // 1024} KiB as JSON, and the Deployment keeps them in "
        f"annotations, which may have {MOST_ANNOTATION_BYTES // 1024} KiB: shorten engine.env, "
        "engine.extraArgs or podTemplate"
    )
