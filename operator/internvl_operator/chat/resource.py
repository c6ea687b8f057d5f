"""From a resource to an endpoint that can be reached from here."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from internvl_operator.diagnosis.pods import is_pod_of
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import SERVICE
from internvl_operator.kube.objects import condition_of, is_controlled_by, is_ready_to_serve, is_true, key_of
from internvl_operator.kube.port import Key, KubernetesObject
from internvl_operator.kube.streams import PodStreams, PortForward


class NotServingError(Exception):
    """A resource serves no model that could be reached; the message says why."""


def api_key_reference(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return name and key of the Secret that holds a resource's API key, if it has one."""
    reference = (body["spec"].get("server") or {}).get("apiKeySecretRef")
    return (reference["name"], reference["key"]) if reference else None


def tls_secret(body: Mapping[str, Any]) -> str | None:
    """Return the name of the Secret with a resource's certificate, if it has one."""
    reference = (body["spec"].get("server") or {}).get("tlsSecretRef")
    return str(reference["name"]) if reference else None


def secret_value(secret: Mapping[str, Any], key: str) -> str:
    """Return a value of a Secret.

    Raises:
        NotServingError: it has no such key.
    """
    try:
        return base64.b64decode(secret.get("data", {})[key]).decode().strip()
    except KeyError:
        raise NotServingError(f"Secret {secret['metadata']['name']} has no key {key!r}") from None


def served_url(body: Mapping[str, Any]) -> str:
    """Return the base URL of a resource inside the cluster.

    Raises:
        NotServingError: no replica answers.
    """
    status = body.get("status", {})
    if is_true(status, "Available") and "endpoint" in status:
        return str(status["endpoint"])
    metadata = body["metadata"]
    named = f"{metadata['namespace']}/{metadata['name']}"
    ready = condition_of(status, "Ready")
    if ready is None:
        raise NotServingError(f"{named} has no status yet: does the operator run?")
    why = f"{ready['reason']}: {ready['message']}" if ready["message"] else ready["reason"]
    raise NotServingError(f"{named} does not serve: {why}")


def ready_pod(name: str, pods: list[KubernetesObject]) -> Key:
    """Return the first pod of a resource that is ready and stays: it is sent the API key.

    Args:
        name: of the resource.
        pods: that carry its label, which anybody's may.

    Raises:
        NotServingError: there is none.
    """
    ready = sorted(pod["metadata"]["name"] for pod in pods if is_pod_of(name, pod) and is_ready_to_serve(pod))
    if not ready:
        raise NotServingError("no pod is ready")
    return Key(pods[0]["metadata"]["namespace"], ready[0])


@asynccontextmanager
async def forwarded(streams: PodStreams, pod: Key, url: str) -> AsyncIterator[tuple[str, PortForward]]:
    """Forward a pod's port while the context lasts; yield the URL with the local address in place of its own."""
    parts = urlsplit(url)
    async with streams.forward(pod, parts.port or 443) as forward:
        yield urlunsplit(parts._replace(netloc=f"127.0.0.1:{forward.port}")), forward


async def own_service(cluster: KubernetesClient, body: KubernetesObject) -> KubernetesObject:
    """Return the Service of a resource: it is sent the API key.

    Raises:
        NotServingError: the Service of its name is somebody else's.
        ClusterError: there is none, or the API failed.
    """
    service = await cluster.get(SERVICE, key_of(body))
    if not is_controlled_by(service, body):
        raise NotServingError(f"the Service {body['metadata']['name']} is not this resource's")
    return service


def service_url(service: Mapping[str, Any], url: str) -> str:
    """Return a URL with an address of the Service in place of its name: the load balancer's, or the cluster's.

    Raises:
        NotServingError: the Service has no address.
    """
    balancer = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    cluster = service["spec"].get("clusterIP", "None")
    host = balancer[0].get("hostname") or balancer[0].get("ip") or cluster
    if host in ("", "None"):
        raise NotServingError("the Service has no address of its own: use a port-forward")
    parts = urlsplit(url)
    bracketed = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{bracketed}:{parts.port}"))
