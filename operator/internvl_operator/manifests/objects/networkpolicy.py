"""The NetworkPolicy: ingress to the replicas, and optionally their egress."""

from typing import Any

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, selector
from internvl_operator.manifests.template import KubernetesObject, render


def gateway_peers(resource: InternVLDeployment) -> list[dict[str, Any]]:
    """Return the pods of the other namespaces whose Gateways route to a resource."""
    namespaces = {parent.namespace for parent in resource.spec.gateway.parent_refs if parent.namespace}
    return [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        for namespace in sorted(namespaces - {resource.metadata.namespace})
    ]


def network_policy(resource: InternVLDeployment) -> KubernetesObject:
    """Return the NetworkPolicy of a resource."""
    name, spec = resource.metadata.name, resource.spec
    egress = spec.network_policy.egress
    return render(
        "networkpolicy",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "selector": selector(name),
            "peers": [*spec.network_policy.from_, *gateway_peers(resource)],
            "policy_types": ["Ingress", "Egress"] if egress.enabled else ["Ingress"],
            "limits_egress": egress.enabled,
            # A rule without peers would allow everyone.
            "egress": [{"to": egress.to}] if egress.to else [],
        },
    )
