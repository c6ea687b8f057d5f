"""``spec.podTemplate``: what a user adds to the pods that serve the model."""

from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ATOMIC, ApiModel, Rule
from internvl_operator.api.kubernetes.kubernetes_types import (
    Affinity,
    PodSecurityContext,
    Toleration,
    TopologySpreadConstraint,
)
from internvl_operator.api.rules import spellings
from internvl_operator.catalog.nvidia import PRODUCT_LABEL

StringMap = Annotated[
    dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64, json_schema_extra=ATOMIC)
]
LabelMap = Annotated[
    dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32, json_schema_extra=ATOMIC)
]
Bytes = Annotated[str, Field(max_length=32)]
"""A quantity whose rule says what to write."""
Quantity = Annotated[str, Field(max_length=32), spellings.QUANTITY]
Amounts = Annotated[dict[str, Quantity], Field(max_length=8, json_schema_extra=ATOMIC)]
Name = Annotated[str, Field(max_length=253), spellings.OBJECT_NAME]

Identity = Literal["Fixed", "ClusterAssigned"]

_RESERVED_PREFIXES = ("internvl.dev/", "app.kubernetes.io/")


def own_keys_only(mapping: dict[str, str]) -> bool:
    """Return whether none of some labels or annotations is one that the operator sets."""
    return not any(key.startswith(_RESERVED_PREFIXES) for key in mapping)


class ComputeResources(ApiModel):
    """Requests and limits of the serving container; the GPUs follow from the plan."""

    requests: Amounts = {}
    """Requests for cpu, memory and ephemeral-storage. What is not given follows from the plan."""
    limits: Amounts = {}
    """Limits for cpu, memory and ephemeral-storage, the first two for the download too. None when not given."""

    rules = (
        Rule(
            "(!has(self.requests) || self.requests.all(k, k in ['cpu', 'memory', 'ephemeral-storage'])) && "
            "(!has(self.limits) || self.limits.all(k, k in ['cpu', 'memory', 'ephemeral-storage']))",
            "podTemplate.resources takes cpu, memory and ephemeral-storage; GPUs follow from the plan: "
            "use spec.gpu and spec.engine.tp for them",
            lambda r: {*r.requests, *r.limits} <= {"cpu", "memory", "ephemeral-storage"},
        ),
    )


class LocalObjectReference(ApiModel):
    """An object of the same namespace."""

    name: Name
    """Name of the object."""


class PodTemplate(ApiModel):
    """Additions to the pod template. Names and types are those of a Kubernetes PodSpec."""

    labels: LabelMap = {}
    """Labels added to the pods."""
    annotations: StringMap = {}
    """Annotations added to the pods."""
    node_selector: LabelMap = {}
    """Node labels that the pods need, in addition to the GPU product that the plan pins."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = []
    """Tolerations added to the one for the GPU resource's own taint."""
    affinity: Affinity | None = None
    """Scheduling constraints (a Kubernetes Affinity)."""
    resources: ComputeResources = ComputeResources()
    """Compute resources of the serving container."""
    identity: Identity | None = None
    """User and groups of the pods. Fixed: uid, gid and fsGroup 1000. ClusterAssigned: the cluster gives them, as
    OpenShift does to each namespace. Default: Fixed, unless the installation says otherwise."""
    security_context: PodSecurityContext | None = None
    """A Kubernetes PodSecurityContext whose fields replace those of the identity."""
    image_pull_secrets: Annotated[list[LocalObjectReference], Field(max_length=16)] = []
    """Secrets with which the images are pulled."""
    priority_class_name: Name | None = None
    """PriorityClass of the pods."""
    runtime_class_name: Name | None = None
    """RuntimeClass of the pods, for example nvidia."""
    service_account_name: Name | None = None
    """ServiceAccount of the pods; its token is not mounted. Default: default."""
    scheduler_name: Name | None = None
    """Scheduler of the pods. Default: the cluster's default scheduler."""
    topology_spread_constraints: Annotated[list[TopologySpreadConstraint], Field(max_length=16)] = []
    """How replicas are spread over the cluster (Kubernetes TopologySpreadConstraints)."""

    rules = (
        Rule(
            "!has(self.labels) || self.labels.all(k, !k.startsWith('internvl.dev/') && "
            "!k.startsWith('app.kubernetes.io/'))",
            "podTemplate.labels must not begin with internvl.dev/ or app.kubernetes.io/: "
            "the operator sets those; choose another prefix",
            lambda p: own_keys_only(p.labels),
        ),
        Rule(
            "!has(self.annotations) || self.annotations.all(k, !k.startsWith('internvl.dev/') && "
            "!k.startsWith('app.kubernetes.io/'))",
            "podTemplate.annotations must not begin with internvl.dev/ or app.kubernetes.io/: "
            "the operator sets those; choose another prefix",
            lambda p: own_keys_only(p.annotations),
        ),
        Rule(
            f"!has(self.nodeSelector) || !('{PRODUCT_LABEL}' in self.nodeSelector)",
            f"podTemplate.nodeSelector must not name {PRODUCT_LABEL}: use spec.gpu.product",
            lambda p: PRODUCT_LABEL not in p.node_selector,
        ),
    )
