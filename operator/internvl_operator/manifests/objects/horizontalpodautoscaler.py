"""The HorizontalPodAutoscaler. It scales the resource itself: it writes ``spec.replicas`` and nothing else."""

from internvl_operator.api.v1alpha1 import API_VERSION, KIND, InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.plan import Plan

WAITING_REQUESTS_METRIC = "lmdeploy_waiting_requests"
"""Custom metric of a pod: the sum of LMDeploy's gauges of waiting requests, which the Prometheus adapter serves."""

_LONGEST_PERIOD_SECONDS = 1800
"""The API server's bound of ``periodSeconds``."""


def autoscales(resource: InternVLDeployment) -> bool:
    """Return whether a HorizontalPodAutoscaler is wanted. A suspended resource has none: it keeps its replicas."""
    autoscaling = resource.spec.autoscaling
    return autoscaling.max_replicas is not None and not autoscaling.sleeps and not resource.spec.suspend


def scale_up_period_seconds(plan: Plan) -> int:
    """Return how long no further replica is added: one that is still loading serves no request yet."""
    return min(plan.expected_start_seconds, _LONGEST_PERIOD_SECONDS)


def horizontal_pod_autoscaler(resource: InternVLDeployment, plan: Plan) -> KubernetesObject:
    """Return the HorizontalPodAutoscaler of a resource."""
    autoscaling = resource.spec.autoscaling
    return render(
        "horizontalpodautoscaler",
        {
            "name": resource.metadata.name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(resource.metadata.name, resource.spec.given_series),
            "target": {"apiVersion": API_VERSION, "kind": KIND, "name": resource.metadata.name},
            "min_replicas": autoscaling.min_replicas,
            "max_replicas": autoscaling.max_replicas,
            "metric": WAITING_REQUESTS_METRIC,
            "target_waiting_requests": str(autoscaling.target_waiting_requests),
            "scale_up_period_seconds": scale_up_period_seconds(plan),
        },
    )
