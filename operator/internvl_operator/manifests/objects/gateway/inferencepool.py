"""The InferencePool: the replicas as a backend of Gateways, which ask the endpoint picker for one of them."""

from collections.abc import Container

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, picker_name, selector
from internvl_operator.manifests.template import KubernetesObject, render

POOL_KIND = "InferencePool"
PICKER_PORT = 9002
"""Port of the endpoint picker's external processing service."""

_NO_ROUTES = (
    "the cluster does not serve HTTPRoutes of gateway.networking.k8s.io/v1, which spec.gateway needs: install the CRDs "
    "of the Gateway API and a controller of Gateways, or remove gateway; everything else was applied"
)
_NO_POOLS = (
    "the cluster does not serve InferencePools of inference.networking.k8s.io/v1, which gateway.balancing asks for: "
    "install the CRDs of the Gateway API's inference extension, or write gateway.balancing Service; the route goes to "
    "the Service until then"
)


def has_pool(resource: InternVLDeployment, served: Container[str]) -> bool:
    """Return whether Gateways reach the replicas by an InferencePool, and not by the Service.

    Args:
        resource: the parsed resource.
        served: the names of the kinds that the cluster serves.
    """
    gateway = resource.spec.gateway
    return (
        gateway.is_given
        and gateway.balancing == POOL_KIND
        # An InferencePool knows no TLS to the replicas.
        and resource.spec.server.tls_secret_ref is None
        # Nor does it wake anybody.
        and not resource.spec.autoscaling.sleeps
        and "HTTPRoute" in served
        and POOL_KIND in served
    )


def unmet_gateway(resource: InternVLDeployment, served: Container[str]) -> str | None:
    """Return what spec.gateway asks for that the cluster cannot do, and what to do, or None.

    Args:
        resource: the parsed resource.
        served: the names of the kinds that the cluster serves.
    """
    gateway = resource.spec.gateway
    if gateway.is_given and "HTTPRoute" not in served:
        return _NO_ROUTES
    if gateway.balancing == POOL_KIND and POOL_KIND not in served:
        return _NO_POOLS
    return None


def inference_pool(resource: InternVLDeployment) -> KubernetesObject:
    """Return the InferencePool of a resource."""
    name = resource.metadata.name
    return render(
        "gateway/inferencepool",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "selector": selector(name),
            "port": resource.spec.server.port,
            "picker": picker_name(name),
            "picker_port": PICKER_PORT,
        },
    )
