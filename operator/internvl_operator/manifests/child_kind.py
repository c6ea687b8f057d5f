"""A kind of child: where the API serves it, when it is written, for whom there is one, and what it says."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.api.v1alpha1 import InternVLDeployment
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
        platform: the installation's defaults.
        served: the names of the kinds that the cluster serves.
    """

    resource: InternVLDeployment
    plan: Plan
    deployment: KubernetesObject
    claim: Mapping[str, Any] | None
    platform: PlatformDefaults
    served: Container[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildKind:
    """A kind of child. A resource has at most one child of each row.

    Args:
        kind: the kind, as in a manifest.
        api_version: the apiVersion, as in a manifest.
        plural: the name of the kind in the API's paths.
        wave: when it is written, the same for all rows of a kind.
        wanted: whether a resource has such a child.
        build: returns the manifest.
        is_optional: whether a cluster may lack the kind.
        suffix: what the child's name has behind the resource's name.
        absence: what a resource that asks for it is told where the cluster lacks it; None: nothing, it is left out.
        needs: a kind without which this one does nothing: where the cluster lacks one, it gets neither.
        replaces: the kind that does the same in another way, of which the resource's child goes first.
    """

    kind: str
    api_version: str
    plural: str
    wave: Wave
    wanted: Callable[[Sources], bool]
    build: Callable[[Sources], KubernetesObject]
    is_optional: bool = False
    suffix: str = ""
    absence: Problem | None = None
    needs: str | None = None
    replaces: str | None = None
