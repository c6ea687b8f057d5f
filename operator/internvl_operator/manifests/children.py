"""All children of a resource, and the table of their kinds from which the rest follows.

The table says which kinds are watched, rendered and deleted, and in which order they are written.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.v1alpha1 import API_VERSION, KIND, InternVLDeployment
from internvl_operator.manifests.child_kind import ChildKind, Sources, Wave
from internvl_operator.manifests.objects.deployment import deployment
from internvl_operator.manifests.objects.gateway.gateway_kinds import GATEWAY_KINDS
from internvl_operator.manifests.objects.horizontalpodautoscaler import autoscales, horizontal_pod_autoscaler
from internvl_operator.manifests.objects.keda.interceptorroute import interceptor_route
from internvl_operator.manifests.objects.keda.scaledobject import scaled_object
from internvl_operator.manifests.objects.keda.wake import NO_KEDA, Wake, sleeps, wake_in, wake_of
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
from internvl_operator.manifests.trusted_record import record_hash
from internvl_operator.planner.plan import Plan


def _wake(given: Sources) -> Wake:
    return wake_of(given.resource, given.plan, given.platform.keda_http)


CHILD_KINDS = (
    ChildKind(
        kind="NetworkPolicy",
        api_version="networking.k8s.io/v1",
        plural="networkpolicies",
        wave=Wave.BEFORE_PODS,
        wanted=lambda given: given.resource.spec.network_policy.enabled,
        build=lambda given: network_policy(given.resource),
    ),
    ChildKind(
        kind="PersistentVolumeClaim",
        api_version="v1",
        plural="persistentvolumeclaims",
        wave=Wave.BEFORE_PODS,
        wanted=lambda given: owns_claim(given.resource),
        build=lambda given: persistent_volume_claim(given.resource, given.claim),
    ),
    ChildKind(
        kind="Service",
        api_version="v1",
        plural="services",
        wave=Wave.BEFORE_PODS,
        wanted=lambda _: True,
        build=lambda given: service(given.resource),
    ),
    ChildKind(
        kind="Deployment",
        api_version="apps/v1",
        plural="deployments",
        wave=Wave.WITH_PODS,
        wanted=lambda _: True,
        build=lambda given: given.deployment,
    ),
    ChildKind(
        kind="PodDisruptionBudget",
        api_version="policy/v1",
        plural="poddisruptionbudgets",
        wave=Wave.WITH_PODS,
        wanted=lambda given: has_several_replicas(given.resource),
        build=lambda given: pod_disruption_budget(given.resource),
    ),
    ChildKind(
        kind="HorizontalPodAutoscaler",
        api_version="autoscaling/v2",
        plural="horizontalpodautoscalers",
        wave=Wave.WITH_PODS,
        wanted=lambda given: autoscales(given.resource),
        build=lambda given: horizontal_pod_autoscaler(given.resource, given.plan),
        replaces="ScaledObject",
    ),
    ChildKind(
        kind="InterceptorRoute",
        api_version="http.keda.sh/v1beta1",
        plural="interceptorroutes",
        wave=Wave.WITH_PODS,
        wanted=lambda given: sleeps(given.resource),
        build=lambda given: interceptor_route(given.resource, _wake(given)),
        is_optional=True,
        absence=NO_KEDA,
        needs="ScaledObject",
    ),
    ChildKind(
        kind="ScaledObject",
        api_version="keda.sh/v1alpha1",
        plural="scaledobjects",
        wave=Wave.WITH_PODS,
        wanted=lambda given: sleeps(given.resource),
        build=lambda given: scaled_object(given.resource, given.plan, _wake(given)),
        is_optional=True,
        absence=NO_KEDA,
        needs="InterceptorRoute",
        replaces="HorizontalPodAutoscaler",
    ),
    ChildKind(
        kind="PodMonitor",
        api_version="monitoring.coreos.com/v1",
        plural="podmonitors",
        wave=Wave.WITH_PODS,
        wanted=lambda given: is_monitored(given.resource, given.plan),
        build=lambda given: pod_monitor(given.resource),
        is_optional=True,
    ),
    *GATEWAY_KINDS,
)
"""Every kind of child, in the order in which the children are rendered."""

ABSENCES = {child.kind: child.absence for child in CHILD_KINDS if child.absence}
"""What a resource is told that asks for a kind that the cluster lacks, by the kind's name."""

NEEDS = {child.kind: child.needs for child in CHILD_KINDS if child.needs}
"""The kind without which another one does nothing."""

REPLACES = {child.kind: child.replaces for child in CHILD_KINDS if child.replaces}
"""The kind that does the same as another one: two that scale one resource would fight."""

EVERY_KIND = frozenset(child.kind for child in CHILD_KINDS)
"""The names of all kinds of children."""

_WAVES = {child.kind: child.wave for child in CHILD_KINDS}


@dataclass(frozen=True, slots=True)
class Children:
    """The objects that a resource should have, and how its pods come to be.

    Args:
        manifests: the objects, in the order of ``CHILD_KINDS``.
        plan: the plan that the pods are run by.
        revision: the revision of the pod template.
        strategy: how it is rolled out.
        update: another pod template, which waits until a user accepts it.
        wake: how the resource wakes from 0 replicas, if it may have none.
    """

    manifests: tuple[KubernetesObject, ...]
    plan: Plan
    revision: str
    strategy: Strategy
    update: Update | None
    wake: Wake | None = None

    @property
    def record_hash(self) -> str:
        """The hash of the record that the Deployment among them carries."""
        return record_hash(next((each for each in self.manifests if each["kind"] == "Deployment"), None))

    def in_wave(self, wave: Wave) -> list[KubernetesObject]:
        """Return the objects that are written in a wave."""
        return [manifest for manifest in self.manifests if _WAVES[manifest["kind"]] is wave]

    def owned_by(self, owner: Mapping[str, Any]) -> "Children":
        """Return the children with a reference to the resource that owns them."""
        reference = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }
        owned = (
            {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [reference]}}
            for manifest in self.manifests
        )
        return replace(self, manifests=tuple(owned))


def render_children(
    resource: InternVLDeployment,
    plan: Plan,
    inputs: str,
    *,
    stored: Record | None = None,
    terminate_first: str | None = None,
    platform: PlatformDefaults = NO_DEFAULTS,
    claim: Mapping[str, Any] | None = None,
    served: Container[str] = EVERY_KIND,
) -> Children:
    """Return the children of a resource.

    Args:
        resource: the parsed resource.
        plan: the plan that this operator would run it by.
        inputs: hash of the inputs of plan and pod template.
        stored: the record of the pods that run, if there are any.
        terminate_first: the revision for which no GPUs were free while the old pods ran.
        platform: the installation's defaults.
        claim: the resource's PersistentVolumeClaim as the API server has it, if there is one.
        served: the names of the kinds of children that the cluster serves.
    """
    rendered = with_revision(deployment(resource, plan, platform))
    spec = resource.spec
    pinned, update = pin(rendered, inputs, stored, spec.rollout, is_suspended=spec.suspend)
    if stored is not None and (spec.suspend or pinned is not rendered):
        plan, inputs = stored.plan, stored.inputs
    revision = revision_of(pinned)
    strategy = strategy_of(spec, revision, terminate_first)
    rolled_out = with_strategy(pinned, strategy, revision, terminate_first)
    given = Sources(
        resource=resource,
        plan=plan,
        deployment=with_record(rolled_out, plan, inputs, stored),
        claim=claim,
        platform=platform,
        served=served,
    )
    manifests = tuple(with_manifest_hash(kind.build(given)) for kind in CHILD_KINDS if _is_made(kind, given))
    wake = wake_in(resource, plan, platform.keda_http, served)
    return Children(manifests, plan, revision, strategy, update, wake)


def _is_made(kind: ChildKind, given: Sources) -> bool:
    """Return whether a resource has a child of a kind; of a kind that the cluster lacks, if that has to be told."""
    return kind.wanted(given) and (kind.kind in given.served or kind.kind in ABSENCES)
