"""The PodDisruptionBudget: draining nodes stops one replica at a time."""

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, selector
from internvl_operator.manifests.template import KubernetesObject, render


def has_several_replicas(resource: InternVLDeployment) -> bool:
    """Return whether there may be two replicas or more; with one, a budget would only stop drains."""
    return max(resource.spec.replicas, resource.spec.autoscaling.max_replicas or 0) >= 2


def pod_disruption_budget(resource: InternVLDeployment) -> KubernetesObject:
    """Return the PodDisruptionBudget of a resource."""
    name = resource.metadata.name
    return render(
        "poddisruptionbudget",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "selector": selector(name),
        },
    )
