"""The HTTPRoute: which requests that come to a Gateway go to the model, and how long one may take."""

from collections.abc import Container

from internvl_operator.api.gateway import GatewayReference
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.plan import Plan

_QUEUE_SECONDS = 600
"""Longest wait for the first token: of a request that finds a full queue, or a replica that starts."""

_SLOWEST_TOKENS_PER_SECOND = 4
"""About three words a second: a person reads faster, so that a replica that writes slower serves nobody."""


_NO_ROUTES = (
    "the cluster does not serve HTTPRoutes of gateway.networking.k8s.io/v1, which spec.gateway needs: install the CRDs "
    "of the Gateway API and a controller of Gateways, or remove gateway; everything else was applied"
)


def unmet_gateway(resource: InternVLDeployment, served: Container[str]) -> str | None:
    """Return what spec.gateway asks for that the cluster cannot do, and what to do, or None.

    Args:
        resource: the parsed resource.
        served: the names of the kinds that the cluster serves.
    """
    if resource.spec.gateway.is_given and "HTTPRoute" not in served:
        return _NO_ROUTES
    return None


def http_route(resource: InternVLDeployment, plan: Plan) -> KubernetesObject:
    """Return the HTTPRoute of a resource."""
    name, spec = resource.metadata.name, resource.spec
    return render(
        "gateway/httproute",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, spec.given_series),
            "parents": [_reference(resource, parent) for parent in spec.gateway.parent_refs],
            "hostnames": list(spec.gateway.hostnames),
            "timeout": request_timeout(plan),
            "port": spec.server.port,
        },
    )


def request_timeout(plan: Plan) -> str:
    """Return how long a Gateway waits for the end of an answer, as a duration of the Gateway API.

    A Gateway counts from the request to the last byte, so that a shorter time-out than the longest answer cuts
    streams; many gateways have a default of 15 or 30 seconds. The longest answer fills a session.
    """
    session = plan.memory.effective_session_len or plan.options.session_len
    seconds = _QUEUE_SECONDS + session / _SLOWEST_TOKENS_PER_SECOND
    return f"{-(-int(seconds) // 60)}m"


def _reference(resource: InternVLDeployment, parent: GatewayReference) -> dict[str, str]:
    """Return a parentRef with the values that the API server would fill in."""
    reference = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": parent.name,
        "namespace": parent.namespace or resource.metadata.namespace,
    }
    return reference | ({"sectionName": parent.section_name} if parent.section_name else {})
