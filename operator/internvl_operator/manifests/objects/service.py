"""The Service in front of the replicas."""

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, selector
from internvl_operator.manifests.template import KubernetesObject, render


def service(resource: InternVLDeployment) -> KubernetesObject:
    """Return the Service of a resource."""
    name, spec = resource.metadata.name, resource.spec
    return render(
        "service",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "annotations": spec.service.annotations,
            "type": spec.service.type,
            "selector": selector(name),
            "port": spec.server.port,
        },
    )


def endpoint(resource: InternVLDeployment) -> str:
    """Return the base URL of the OpenAI-compatible API inside the cluster."""
    metadata, server = resource.metadata, resource.spec.server
    scheme = "https" if server.tls_secret_ref else "http"
    return f"{scheme}://{metadata.name}.{metadata.namespace}.svc:{server.port}/v1"
