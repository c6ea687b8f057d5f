"""The NetworkPolicy: only pods of the namespace and the peers of ``spec.networkPolicy.from`` reach the replicas."""

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, selector
from internvl_operator.manifests.template import KubernetesObject, render


def network_policy(resource: InternVLDeployment) -> KubernetesObject:
    """Return the NetworkPolicy of a resource."""
    name, spec = resource.metadata.name, resource.spec
    return render(
        "networkpolicy",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name),
            "selector": selector(name),
            "peers": spec.network_policy.from_,
        },
    )
