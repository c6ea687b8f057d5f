"""The ScaledObject, by which KEDA scales the resource itself: it writes ``spec.replicas`` and nothing else."""

from internvl_operator.api.v1alpha1 import API_VERSION, KIND, InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.objects.horizontalpodautoscaler import scale_up_period_seconds
from internvl_operator.manifests.objects.keda.wake import Wake
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.plan import Plan


def scaled_object(resource: InternVLDeployment, plan: Plan, wake: Wake) -> KubernetesObject:
    """Return the ScaledObject of a resource that may have 0 replicas."""
    name, spec = resource.metadata.name, resource.spec
    return render(
        "scaledobject",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, spec.given_series),
            "target": {"apiVersion": API_VERSION, "kind": KIND, "name": name},
            "max_replicas": spec.autoscaling.max_replicas,
            "cooldown_seconds": wake.cooldown_seconds,
            "scale_up_period_seconds": scale_up_period_seconds(plan),
            "scaler": wake.scaler,
            "interceptor_route": name,
        },
    )
