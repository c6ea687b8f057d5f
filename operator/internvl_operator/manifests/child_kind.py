"""What there is to know of a kind of child."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.plan import Plan
from internvl_operator.problem import Problem


class Wave(Enum):
    """When the children of a kind are written."""

    BEFORE_PODS = 1
    """What has to be there when the first pod starts, such as the NetworkPolicy that guards it."""

    WITH_PODS = 2
    """The Deployment, and what only matters once it has pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a child is built from.

    Args:
        resource: the parsed resource.
        plan: the plan that its pods are run by.
        deployment: the finished Deployment.
        claim: the resource's PersistentVolumeClaim as the API server has it, if there is one.
        wake: how the resource wakes from 0 replicas, if it may have none.
    """

    resource: InternVLDeployment
    plan: Plan
    deployment: KubernetesObject
    claim: Mapping[str, Any] | None
    wake: Wake | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildKind:
    """A kind of child: where the API serves it, when it is written, for whom there is one, and what it says.

    Args:
        kind: the kind, as in a manifest.
        api_version: the apiVersion, as in a manifest.
        plural: the name of the kind in the API's paths.
        wave: when it is written.
        wanted: whether a resource has a child of this kind.
        build: returns the manifest.
        is_optional: whether a cluster may lack the kind.
        absence: what a resource that asks for it is told where the cluster lacks it; None: nothing, it is left out.
        replaces: the kind that does the same in another way, of which the resource's child goes first.
    """

    kind: str
    api_version: str
    plural: str
    wave: Wave
    wanted: Callable[[Sources], bool]
    build: Callable[[Sources], KubernetesObject]
    is_optional: bool = False
    absence: Problem | None = None
    replaces: str | None = None
