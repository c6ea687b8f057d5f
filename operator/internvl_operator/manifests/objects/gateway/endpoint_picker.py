"""The endpoint picker: tells Gateways which replica a request goes to, by the work that each has in flight.

It counts what passes through it and asks nobody for metrics. LMDeploy's gauges are up to 10 seconds old, and behind the
API key where there is one.

Why: docs/design/011-endpoint-picker.md
"""

from typing import Any

import yaml

from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.api.pod_template import PodTemplate
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels, picker_name, picker_selector
from internvl_operator.manifests.objects.deployment import PRE_STOP_SECONDS
from internvl_operator.manifests.objects.gateway.inferencepool import PICKER_PORT
from internvl_operator.manifests.objects.networkpolicy import gateway_peers
from internvl_operator.manifests.objects.security_context import (
    CONTAINER_SECURITY_CONTEXT,
    pod_security_context,
)
from internvl_operator.manifests.template import KubernetesObject, render

SERVICE_ACCOUNT = "internvl-endpoint-picker"
"""May list and watch pods, InferencePools and the extension's further kinds in its namespace, and nothing else. An
administrator makes it (the chart's value ``endpointPicker.namespaces``): the operator has no right to grant rights."""

HEALTH_PORT = 9003
_NO_METRICS = "endpoint-notification-source"
"""A source of data that scrapes nothing: without any source the picker does not start."""
_PREFIX_CACHING_FLAG = "--enable-prefix-caching"

_MOST_LOAD = 1e12
"""Load at which the score of a replica is 0: more than all requests ever have. Above it all replicas would be alike."""

_LOAD_WEIGHT = 1e6
"""A replica that holds the whole beginning of a request is taken until it has 10^12 / 10^6 = a million tokens more in
flight than another: by the picker's estimate (5/8 of a token per byte) 1.6 MB of requests, a few images."""

_REQUESTS = {"cpu": "250m", "memory": "256Mi"}
_LIMITS = {"memory": "2Gi"}
"""The picker holds every request that is in flight. Estimated and not measured: three copies of 64 requests of 4 MB are
768 MB."""


_SHUTDOWN_SECONDS = 30
"""How long the picker itself waits, after SIGTERM, for the requests that pass through it. Requests and answers do so to
their last byte: a picker that is replaced has to live until they end, as a server has, while the next one takes those
that are new. Its preStop hook holds SIGTERM back for the server's own drain time."""


def endpoint_picker(resource: InternVLDeployment, platform: PlatformDefaults) -> KubernetesObject:
    """Return the Deployment of the endpoint picker of a resource."""
    template, drain_seconds = resource.spec.pod_template, resource.spec.rollout.drain_seconds
    return render(
        "gateway/pickerdeployment",
        {
            **_names(resource),
            "image": platform.endpoint_picker.image,
            "image_pull_secrets": [secret.to_object() for secret in template.image_pull_secrets],
            "service_account": SERVICE_ACCOUNT,
            "args": picker_arguments(resource),
            "grpc_port": PICKER_PORT,
            "health_port": HEALTH_PORT,
            "pre_stop_seconds": PRE_STOP_SECONDS + drain_seconds,
            "termination_grace_period_seconds": PRE_STOP_SECONDS + drain_seconds + _SHUTDOWN_SECONDS,
            "requests": _REQUESTS,
            "limits": _LIMITS,
            "pod_security_context": pod_security_context(PodTemplate(identity=template.identity)),
            "container_security_context": {**CONTAINER_SECURITY_CONTEXT, "readOnlyRootFilesystem": True},
        },
    )


def picker_service(resource: InternVLDeployment) -> KubernetesObject:
    """Return the Service by which Gateways reach the endpoint picker of a resource."""
    return render("gateway/pickerservice", {**_names(resource), "grpc_port": PICKER_PORT})


def picker_network_policy(resource: InternVLDeployment) -> KubernetesObject:
    """Return the NetworkPolicy that lets those reach the endpoint picker who may reach the server."""
    peers = [*resource.spec.network_policy.from_, *gateway_peers(resource)]
    return render("gateway/pickernetworkpolicy", {**_names(resource), "peers": peers})


def picker_arguments(resource: InternVLDeployment) -> list[str]:
    """Return the arguments of the endpoint picker.

    It reads the replicas' labels and port from the InferencePool of the resource's name: release 1.5.0 starts with
    ``--endpoint-selector`` only where there is a name of a pool too, and refuses both together.
    """
    return [
        f"--pool-name={resource.metadata.name}",
        f"--pool-namespace={resource.metadata.namespace}",
        f"--grpc-port={PICKER_PORT}",
        f"--grpc-health-port={HEALTH_PORT}",
        # Each of the three would need further rights, or open a port that nobody asks for.
        "--metrics-endpoint-auth=false",
        "--enable-pprof=false",
        "--tracing=false",
        f"--config-text={picker_config(has_affinity=caches_prefixes(resource))}",
    ]


def caches_prefixes(resource: InternVLDeployment) -> bool:
    """Return whether the engine keeps the beginnings of requests, images among them, for later requests."""
    engine = resource.spec.engine
    return engine.prefix_caching == "Enabled" or _PREFIX_CACHING_FLAG in engine.extra_args


def picker_config(*, has_affinity: bool) -> str:
    """Return an EndpointPickerConfig: the replica with the fewest tokens in flight.

    Args:
        has_affinity: whether a replica that has seen the beginning of a request before is preferred.
    """
    plugins: list[dict[str, Any]] = [
        {"type": "inflight-load-producer"},
        {"type": _NO_METRICS},
        {"type": "token-load-scorer", "parameters": {"queueThresholdTokens": int(_MOST_LOAD)}},
        {"type": "concurrency-detector", "parameters": {"maxConcurrency": 100000}},
    ]
    scorers: list[dict[str, Any]] = [{"pluginRef": "token-load-scorer", "weight": _LOAD_WEIGHT}]
    if has_affinity:
        # An image is known by its first 64 KB, in blocks of 1 KB.
        blocks = {"autoTune": False, "blockSizeTokens": 256, "maxPrefixTokensToMatch": 16384}
        plugins += [
            {"type": "approx-prefix-cache-producer", "parameters": blocks},
            {"type": "prefix-cache-scorer"},
        ]
        scorers.append({"pluginRef": "prefix-cache-scorer", "weight": 1.0})
    config = {
        "apiVersion": "inference.networking.x-k8s.io/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": plugins,
        "schedulingProfiles": [{"name": "default", "plugins": scorers}],
        "saturationDetector": {"pluginRef": "concurrency-detector"},
        "dataLayer": {"sources": [{"pluginRef": _NO_METRICS, "extractors": []}]},
    }
    return yaml.safe_dump(config, sort_keys=False)


def _names(resource: InternVLDeployment) -> dict[str, Any]:
    name = resource.metadata.name
    return {
        "name": picker_name(name),
        "namespace": resource.metadata.namespace,
        "labels": child_labels(name, resource.spec.given_series),
        "selector": picker_selector(name),
    }
