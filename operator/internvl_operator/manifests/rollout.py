"""The rollout strategy: whether old pods stop before new ones start."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from internvl_operator.api.v1alpha1 import InternVLDeploymentSpec
from internvl_operator.manifests.labels import TERMINATE_FIRST_ANNOTATION
from internvl_operator.manifests.objects.model_files import holds_exclusive_claim
from internvl_operator.manifests.record import annotated
from internvl_operator.manifests.template import KubernetesObject


class Strategy(StrEnum):
    """Which pods stop before others start."""

    SURGE = "Surge"
    TERMINATE_FIRST = "TerminateFirst"
    RECREATE = "Recreate"


_ROLLING_UPDATES: Mapping[Strategy, Mapping[str, int | str]] = {
    Strategy.SURGE: {"maxSurge": 1, "maxUnavailable": 0},
    Strategy.TERMINATE_FIRST: {"maxSurge": 0, "maxUnavailable": 1},
    Strategy.RECREATE: {"maxSurge": 0, "maxUnavailable": "100%"},
}


def strategy_of(spec: InternVLDeploymentSpec, revision: str, terminate_first: str | None) -> Strategy:
    """Return how a revision is rolled out.

    Args:
        spec: the resource's spec.
        revision: the revision of the pod template that is wanted.
        terminate_first: the revision for which no GPUs were free while the old pods ran. Another revision tries to
            surge again.
    """
    match spec.rollout.strategy:
        case "Surge":
            return Strategy.SURGE
        case "Recreate":
            return Strategy.RECREATE
    must_wait = terminate_first == revision or holds_exclusive_claim(spec)
    return Strategy.TERMINATE_FIRST if must_wait else Strategy.SURGE


def terminate_first_revision(deployment: Mapping[str, Any] | None) -> str | None:
    """Return the revision for which a Deployment stops old pods first, or None."""
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(TERMINATE_FIRST_ANNOTATION)


def with_strategy(
    deployment: KubernetesObject, strategy: Strategy, revision: str, terminate_first: str | None
) -> KubernetesObject:
    """Return a Deployment with a strategy.

    An annotation remembers the revision for which no GPUs were free. What the spec itself says, by a claim of one
    node, is not remembered: with another claim the next rollout may surge.

    Args:
        deployment: as rendered.
        strategy: how the revision is rolled out.
        revision: the revision of the Deployment's pod template.
        terminate_first: as of `strategy_of`.
    """
    rolling_update = dict(_ROLLING_UPDATES[strategy])
    spec = deployment["spec"] | {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling_update}}
    deployment = {**deployment, "spec": spec}
    if strategy is Strategy.TERMINATE_FIRST and terminate_first == revision:
        return annotated(deployment, {TERMINATE_FIRST_ANNOTATION: revision})
    return deployment
