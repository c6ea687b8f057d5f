"""The InterceptorRoute, by which KEDA's HTTP add-on knows the resource's requests, holds and counts them."""

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.template import KubernetesObject, render


def interceptor_route(resource: InternVLDeployment, wake: Wake) -> KubernetesObject:
    """Return the InterceptorRoute of a resource that may have 0 replicas."""
    name, spec = resource.metadata.name, resource.spec
    return render(
        "interceptorroute",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, spec.given_series),
            "service": name,
            "port": spec.server.port,
            "hosts": list(wake.hosts),
            "requests_per_replica": wake.requests_per_replica,
            "readiness": f"{wake.hold_seconds}s",
            # An answer without streaming begins when it is complete, and a stream may last: the liveness probe finds a
            # server that hangs, and a time-out of the installation would cut off one that works.
            "no_timeout": "0s",
        },
    )
