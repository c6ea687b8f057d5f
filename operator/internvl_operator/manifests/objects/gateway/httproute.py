"""The HTTPRoute: which requests that come to a Gateway go to the model, and how long one may take."""

from collections.abc import Container

from internvl_operator.api.gateway import GatewayReference
from internvl_operator.api.lifecycle import KedaHttp
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.objects.keda.wake import wake_in
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.plan import Plan

_QUEUE_SECONDS = 600
"""Longest wait for the first token: of a request that finds a full queue, or a replica that starts."""

_SLOWEST_TOKENS_PER_SECOND = 4
"""About three words a second: a person reads faster, so that a replica that writes slower serves nobody."""


def http_route(
    resource: InternVLDeployment, plan: Plan, keda: KedaHttp, *, has_pool: bool, served: Container[str]
) -> KubernetesObject:
    """Return the HTTPRoute of a resource: to its InferencePool, to its Service, or to the interceptor that wakes it."""
    wake = wake_in(resource, plan, keda, served)
    name, spec = resource.metadata.name, resource.spec
    return render(
        "gateway/httproute",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, spec.given_series),
            "parents": [_reference(resource, parent) for parent in spec.gateway.parent_refs],
            "hostnames": list(spec.gateway.hostnames),
            "timeout": request_timeout(plan, wake.hold_seconds if wake else 0),
            "interceptor": keda.interceptor_service if wake else None,
            # The interceptor knows a resource by names within the cluster: the Gateway guards who has which hostname.
            "host": wake.hosts[0] if wake else None,
            "has_pool": has_pool,
            "port": spec.server.port,
        },
    )


def request_timeout(plan: Plan, hold_seconds: int = 0) -> str:
    """Return how long a Gateway waits for the end of an answer, as a duration of the Gateway API.

    A Gateway counts from the request to the last byte, so that a shorter time-out than the longest answer cuts
    streams; many gateways have a default of 15 or 30 seconds. The longest answer fills a session.

    Args:
        plan: of the model.
        hold_seconds: how long a request may wait until the model wakes.
    """
    session = plan.memory.effective_session_len or plan.options.session_len
    seconds = hold_seconds + _QUEUE_SECONDS + session / _SLOWEST_TOKENS_PER_SECOND
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
