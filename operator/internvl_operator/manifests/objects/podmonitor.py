"""The PodMonitor, by which the Prometheus operator collects the engine's metrics."""

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.catalog.engines import has_metrics
from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.manifests.labels import SERIES_LABEL, child_labels, selector
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.plan import Plan


def is_monitored(resource: InternVLDeployment, plan: Plan) -> bool:
    """Return whether a PodMonitor is wanted and the release has metrics."""
    return resource.spec.monitoring.pod_monitor == "Auto" and has_metrics(plan.engine, plan.backend)


def pod_monitor(resource: InternVLDeployment) -> KubernetesObject:
    """Return the PodMonitor of a resource. Prometheus sends the API key of clients, if there is one."""
    name, server = resource.metadata.name, resource.spec.server
    return render(
        "podmonitor",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "selector": selector(name),
            # An InternVL2's pods lack the label, and their PodMonitors stay as they are.
            "series_label": None if resource.spec.given_series == INTERNVL2 else SERIES_LABEL,
            "scheme": "https" if server.tls_secret_ref else "http",
            "api_key": server.api_key_secret_ref.to_object() if server.api_key_secret_ref else None,
        },
    )
