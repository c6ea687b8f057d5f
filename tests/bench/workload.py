"""The resources of the benchmark: every size, and no two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.models import INTERNVL2, sizes_of
from tests.cluster.operators.operator_process import resource

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACE = "bench"
KINDS = sizes_of(INTERNVL2)
"""Resources whose numbers are equal modulo the number of sizes differ in their name alone."""

RESOURCES = f"/apis/internvl.dev/v1alpha1/namespaces/{NAMESPACE}/internvldeployments"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
NETWORK_POLICIES = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
CHILDREN = (DEPLOYMENTS, SERVICES, NETWORK_POLICIES)
"""The children of every resource."""

DISRUPTION_BUDGETS = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
"""One more child, from two replicas on."""


def name_of(number: int) -> str:
    """Return the name of a resource; all are of one length."""
    return f"bench-{number:06}"


def body_of(number: int) -> dict[str, Any]:
    """Return a resource whose pod template is like no other: it serves the model by the resource's name."""
    name = name_of(number)
    return resource(name, NAMESPACE, size=KINDS[number % len(KINDS)], server={"modelName": name})


def bodies(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return the resources of these numbers."""
    return [body_of(number) for number in numbers]
