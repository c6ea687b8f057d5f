"""All children of a resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.objects.deployment import deployment
from internvl_operator.manifests.objects.horizontalpodautoscaler import autoscales, horizontal_pod_autoscaler
from internvl_operator.manifests.objects.networkpolicy import network_policy
from internvl_operator.manifests.objects.persistentvolumeclaim import owns_claim, persistent_volume_claim
from internvl_operator.manifests.objects.poddisruptionbudget import (
    has_several_replicas,
    pod_disruption_budget,
)
from internvl_operator.manifests.objects.podmonitor import is_monitored, pod_monitor
from internvl_operator.manifests.objects.service import service
from internvl_operator.manifests.record import Record, with_manifest_hash, with_record
from internvl_operator.manifests.revision import Update, pin, revision_of, with_revision
from internvl_operator.manifests.rollout import Strategy, strategy_of, with_strategy
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.plan import Plan


@dataclass(frozen=True, slots=True)
class Children:
    """What a resource should have.

    Args:
        manifests: in the order of creation.
        plan: the plan that the pods are run by.
        revision: the revision of the pod template.
        strategy: how it is rolled out.
        update: another pod template that waits for consent.
    """

    manifests: tuple[KubernetesObject, ...]
    plan: Plan
    revision: str
    strategy: Strategy
    update: Update | None


def render_children(
    resource: InternVLDeployment,
    plan: Plan,
    inputs: str,
    *,
    stored: Record | None = None,
    terminate_first: str | None = None,
    platform: PlatformDefaults = NO_DEFAULTS,
    claim: Mapping[str, Any] | None = None,
) -> Children:
    """Return what a resource should have.

    Args:
        resource: the parsed resource.
        plan: the plan that this operator would run it by.
        inputs: hash of the inputs of plan and pod template.
        stored: what runs now, if anything does.
        terminate_first: the revision that was found to have no room beside the old pods.
        platform: the installation's defaults.
        claim: the resource's PersistentVolumeClaim as the API server has it, if there is one.
    """
    rendered = with_revision(deployment(resource, plan, platform))
    spec = resource.spec
    pinned, update = pin(rendered, inputs, stored, spec.rollout, is_suspended=spec.suspend)
    if stored is not None and (spec.suspend or pinned is not rendered):
        plan, inputs = stored.plan, stored.inputs
    revision = revision_of(pinned)
    strategy = strategy_of(resource.spec, revision, terminate_first)
    rolled_out = with_strategy(pinned, strategy, revision)
    manifests = [service(resource), with_record(rolled_out, plan, inputs, stored)]
    if owns_claim(resource):
        manifests.insert(0, persistent_volume_claim(resource, claim))
    if resource.spec.network_policy.enabled:
        manifests.insert(0, network_policy(resource))
    if has_several_replicas(resource):
        manifests.append(pod_disruption_budget(resource))
    if autoscales(resource):
        manifests.append(horizontal_pod_autoscaler(resource, plan))
    if is_monitored(resource, plan):
        manifests.append(pod_monitor(resource))
    hashed = tuple(with_manifest_hash(manifest) for manifest in manifests)
    return Children(hashed, plan, revision, strategy, update)
