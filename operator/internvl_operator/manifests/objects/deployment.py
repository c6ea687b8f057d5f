"""The Deployment that runs LMDeploy."""

from math import ceil
from typing import Any

from internvl_operator.api.platform_defaults import NO_DEFAULTS, PlatformDefaults
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.spec_flags import API_KEY_VARIABLE, plain_arguments
from internvl_operator.manifests.host_cpu import cpu_request, thread_variables
from internvl_operator.manifests.labels import (
    DOWNLOAD_CONTAINER,
    ENGINE_CONTAINER,
    RESTARTED_ANNOTATION,
    child_labels,
    selector,
)
from internvl_operator.manifests.objects.model_files import (
    download_of,
    keeps_files_in_pod,
    model_mount,
    model_volume,
)
from internvl_operator.manifests.objects.platform import certificate_authorities, platform_environment
from internvl_operator.manifests.objects.security_context import (
    CONTAINER_SECURITY_CONTEXT,
    pod_security_context,
)
from internvl_operator.manifests.server_arguments import COMMAND, server_arguments
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.planner.memory.host_memory import host_memory_mib, shared_memory_mib
from internvl_operator.planner.memory.host_needs import disk_mib
from internvl_operator.planner.nodes.pins import affinity_with
from internvl_operator.planner.nodes.placement import recorded_toleration
from internvl_operator.planner.plan import Plan
from internvl_operator.text.quantity import parse_quantity

PRE_STOP_SECONDS = 10
"""How long a stopping pod still serves, until every node has removed it from the Service's endpoints."""

_STARTUP_PERIOD_SECONDS = 5
_PROBE_TIMEOUT_SECONDS = 12
"""Above the 10 s that LMDeploy's own probe of its engine may take (``LMDEPLOY_HEALTH_PROBE_TIMEOUT``)."""

_SCRATCH = "/scratch"
TLS_DIRECTORY = "/tls"
_DOWNLOAD_REQUESTS = {"cpu": "1", "memory": "2Gi"}


def deployment(
    resource: InternVLDeployment, plan: Plan, platform: PlatformDefaults = NO_DEFAULTS
) -> KubernetesObject:
    """Return the Deployment of a resource, without its record and its rollout strategy."""
    spec, name = resource.spec, resource.metadata.name
    release = engine(plan.engine)
    return render(
        "deployment",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "selector": selector(name),
            "replicas": 0 if spec.suspend else spec.replicas,
            "pod_labels": spec.pod_template.labels | child_labels(name, resource.spec.given_series),
            "pod_annotations": _pod_annotations(resource),
            "pod_fields": _pod_fields(resource, plan),
            "pod_security_context": pod_security_context(spec.pod_template),
            "container_security_context": CONTAINER_SECURITY_CONTEXT,
            "tolerations": [
                *(plan.tolerations or (recorded_toleration(plan.resource),)),
                *spec.pod_template.tolerations,
            ],
            "node_selector": {**plan.node_selector, **spec.pod_template.node_selector},
            "engine_container": ENGINE_CONTAINER,
            "download_container": DOWNLOAD_CONTAINER,
            "image": spec.engine.image
            or platform.engine.image_of(
                plan.engine, release.image_of(plan.image_variant), plan.image_variant
            ),
            "command": list(COMMAND),
            "args": server_arguments(
                plan,
                spec.server.model_name or "",
                spec.server.port,
                (*plain_arguments(spec), *spec.engine.extra_args),
                has_api_key=spec.server.api_key_secret_ref is not None,
                has_tls=spec.server.tls_secret_ref is not None,
            ),
            "env": _environment(resource, plan, platform),
            "authorities": certificate_authorities(platform),
            "port": spec.server.port,
            "requests": _requests(resource, plan),
            "limits": {plan.resource: str(plan.gpus)} | spec.pod_template.resources.limits,
            "health_is_real": release.health_is_real,
            "scheme": "HTTPS" if spec.server.tls_secret_ref else "HTTP",
            "tls_secret": spec.server.tls_secret_ref.name if spec.server.tls_secret_ref else None,
            "tls_directory": TLS_DIRECTORY,
            "download": download_of(resource, plan, platform),
            "download_resources": _download_resources(resource),
            "model_mount": model_mount(resource, plan),
            "model_volume": model_volume(resource),
            "shared_memory": f"{shared_memory_mib(plan.tp)}Mi",
            "probe_timeout_seconds": _PROBE_TIMEOUT_SECONDS,
            "startup_period_seconds": _STARTUP_PERIOD_SECONDS,
            "startup_failure_threshold": ceil(startup_budget_seconds(plan) / _STARTUP_PERIOD_SECONDS),
            "pre_stop_seconds": PRE_STOP_SECONDS,
            "termination_grace_period_seconds": PRE_STOP_SECONDS + spec.rollout.drain_seconds,
            "progress_deadline_seconds": _progress_deadline_seconds(plan),
        },
    )


def startup_budget_seconds(plan: Plan) -> int:
    """Return the seconds that a start may take: three times the expected time, and at least 5 minutes."""
    return max(300, 3 * plan.expected_start_seconds)


def _progress_deadline_seconds(plan: Plan) -> int:
    """Return the seconds after which a rollout has failed: a start and a download, and 10 minutes."""
    return startup_budget_seconds(plan) + download_seconds(plan) + 600


def download_seconds(plan: Plan) -> int:
    """Return the seconds that the download of the weights takes at 20 MB/s."""
    return _weights_mib(plan) // 20


def _weights_mib(plan: Plan) -> int:
    return plan.memory.weights_mib * plan.tp


def _pod_annotations(resource: InternVLDeployment) -> dict[str, str]:
    restarted_at = resource.spec.rollout.restarted_at
    return resource.spec.pod_template.annotations | (
        {RESTARTED_ANNOTATION: restarted_at} if restarted_at else {}
    )


def _pod_fields(resource: InternVLDeployment, plan: Plan) -> dict[str, Any]:
    """Return the fields that ``spec.podTemplate`` and the plan add to the PodSpec, under Kubernetes's own names."""
    given = resource.spec.pod_template.to_object()
    given["affinity"] = affinity_with(given.get("affinity"), plan.node_terms)
    names = (
        "affinity",
        "imagePullSecrets",
        "priorityClassName",
        "runtimeClassName",
        "serviceAccountName",
        "schedulerName",
        "topologySpreadConstraints",
    )
    fields = {name: given[name] for name in names if given.get(name)}
    return {
        "topologySpreadConstraints": [_spread_over_nodes(resource)],
        # Always named: the API server refills a name that is removed from its deprecated alias, serviceAccount.
        "serviceAccountName": "default",
    } | fields


def _spread_over_nodes(resource: InternVLDeployment) -> dict[str, Any]:
    """Return the constraint that keeps replicas on different nodes where that is possible."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(resource.metadata.name)},
        # The old pods of a rollout do not count, because they are about to stop.
        "matchLabelKeys": ["pod-template-hash"],
    }


def _environment(
    resource: InternVLDeployment, plan: Plan, platform: PlatformDefaults
) -> list[dict[str, Any]]:
    """Return the environment: no downloads, every cache on the scratch volume, and the variables of the spec."""
    environment = {
        "HOME": _SCRATCH,
        "TMPDIR": _SCRATCH,
        # torch names its cache after the user, and uid 1000 has no entry in the image's passwd.
        "USER": "lmdeploy",
        # LMDeploy copies remote code to HF_HOME, also when the model itself is read-only.
        "HF_HOME": f"{_SCRATCH}/huggingface",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        # Longer than proxies keep idle connections, so that none sends a request into one that is just being closed:
        # ALB and nginx 60 s, what is written in Go, such as KEDA's interceptor, 90 s, Google's load balancer 600 s.
        "UVICORN_TIMEOUT_KEEP_ALIVE": "620",
        **thread_variables(_requests(resource, plan)["cpu"], plan.gpus),
    }
    if plan.backend is Backend.PYTORCH and plan.tp > 1:
        # Ray sizes its object store by the node's memory, not by the container's.
        environment["RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES"] = "2000000000"
    environment |= platform_environment(platform)
    variables: dict[str, dict[str, Any]] = {
        name: {"name": name, "value": value} for name, value in environment.items()
    }
    for variable in resource.spec.engine.env:
        variables[variable.name] = variable.to_object()
    return list((variables | _server_variables(resource)).values())


def _server_variables(resource: InternVLDeployment) -> dict[str, dict[str, Any]]:
    """Return the variables that the server's arguments refer to; the spec cannot replace them."""
    server = resource.spec.server
    variables: dict[str, dict[str, Any]] = {}
    if server.api_key_secret_ref:
        reference = {"secretKeyRef": server.api_key_secret_ref.to_object()}
        variables[API_KEY_VARIABLE] = {"name": API_KEY_VARIABLE, "valueFrom": reference}
    if server.tls_secret_ref:
        # As LMDeploy names them (lmdeploy: serve/openai/api_server.py).
        for name, file in (("SSL_KEYFILE", "tls.key"), ("SSL_CERTFILE", "tls.crt")):
            variables[name] = {"name": name, "value": f"{TLS_DIRECTORY}/{file}"}
    return variables


def _requests(resource: InternVLDeployment, plan: Plan) -> dict[str, str]:
    requests = {
        "cpu": cpu_request(plan.gpus, plan.cpu_millis),
        "memory": f"{host_memory_mib(plan.backend, plan.tp, plan.engine, plan.options.max_batch_size)}Mi",
        plan.resource: str(plan.gpus),
    }
    if keeps_files_in_pod(resource):
        # The weights lie on an emptyDir.
        requests["ephemeral-storage"] = f"{disk_mib(_weights_mib(plan))}Mi"
    given = resource.spec.pod_template.resources
    return {
        name: _at_most(amount, given.limits.get(name)) for name, amount in requests.items()
    } | given.requests


def _download_resources(resource: InternVLDeployment) -> dict[str, dict[str, str]]:
    """Return the resources of the download: a quota of limits counts only pods all of whose containers have them.

    With the server's limits it needs no more of a quota than the server, which runs after it.
    """
    given = resource.spec.pod_template.resources.limits
    limits = {name: given[name] for name in _DOWNLOAD_REQUESTS if name in given}
    requests = {name: _at_most(amount, limits.get(name)) for name, amount in _DOWNLOAD_REQUESTS.items()}
    return {"requests": requests} | ({"limits": limits} if limits else {})


def _at_most(derived: str, limit: str | None) -> str:
    """Return a derived request, or the given limit where that is less: the API server refuses more."""
    try:
        return derived if limit is None else min(derived, limit, key=parse_quantity)
    except ValueError:
        # Not a quantity: the API server refuses the pod template, and its message names the field.
        return derived
