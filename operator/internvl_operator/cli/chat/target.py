"""Which served model is meant, by name or URL, and how it is reached; of what the verbs that speak to one share."""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from internvl_operator.chat.endpoint import Endpoint, base_url
from internvl_operator.chat.resource import (
    api_key_reference,
    forwarded,
    own_service,
    ready_pod,
    secret_value,
    served_url,
    service_url,
    tls_secret,
)
from internvl_operator.cli.cluster import (
    add_cluster_options,
    cluster_of,
    credentials_of,
    namespace_of,
    resource_of,
)
from internvl_operator.cli.inputs.number_types import seconds
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import POD, SECRET
from internvl_operator.kube.port import ForbiddenError, Key, KubernetesObject
from internvl_operator.kube.streams import PodStreams, PortForward
from internvl_operator.manifests.labels import NAME_LABEL

API_KEY_VARIABLE = "INTERNVL_API_KEY"
"""Not the one that the openai package reads, so that nobody's key for another service is sent here."""


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which model is meant."""
    parser.add_argument("target", metavar="NAME|URL", help="a resource, or http://HOST:PORT/v1")
    add_cluster_options(parser)
    parser.add_argument(
        "--via",
        choices=["port-forward", "service"],
        default="port-forward",
        help="how a resource is reached: through the API server, or at its Service's own address (port-forward)",
    )
    parser.add_argument("--model", metavar="NAME", help="the model's name (the one that is served)")
    parser.add_argument(
        "--api-key", metavar="KEY", help=f"(${API_KEY_VARIABLE}, or the Secret that the resource names)"
    )
    parser.add_argument("--ca-file", metavar="FILE", help="certificate authority of an https server")
    parser.add_argument("--insecure", action="store_true", help="do not check the server's certificate")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=120.0,
        help="longest wait for the next part of an answer (120)",
    )


@asynccontextmanager
async def endpoint_of(options: argparse.Namespace) -> AsyncIterator[Endpoint]:
    """Yield the endpoint that the options of ``add_target_options`` name.

    Raises:
        NotServingError, ClusterError: it cannot be reached.
        ValueError: there is no such resource, no cluster, or the URL is none.
    """
    async with AsyncExitStack() as stack:
        if "://" in options.target:
            way = _Way(base_url(options.target))
        else:
            way = await _resource(options, stack)
        yield Endpoint(
            base_url=way.url,
            api_key=options.api_key or os.environ.get(API_KEY_VARIABLE) or way.api_key,
            model=options.model,
            ca_file=options.ca_file,
            ca_data=way.ca_data,
            insecure=options.insecure,
            server_name=way.server_name,
            obstacle=way.obstacle,
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """How an endpoint is reached, with the key and the certificates that its resource names."""

    url: str
    api_key: str | None = None
    ca_data: str | None = None
    server_name: str | None = None
    forward: PortForward | None = None

    def obstacle(self) -> str | None:
        """Return why the port-forward failed, if it did."""
        failure = self.forward.failure if self.forward else None
        return failure and f"no connection through the port-forward: {failure}"


async def _resource(options: argparse.Namespace, stack: AsyncExitStack) -> _Way:
    key = Key(namespace_of(options), options.target)
    cluster = await stack.enter_async_context(cluster_of(options, [key.namespace]))
    body = await resource_of(cluster, key)
    url = served_url(body)
    way = _Way(
        url,
        api_key=await _api_key(options, cluster, body),
        ca_data=await _certificates(options, cluster, body),
        server_name=urlsplit(url).hostname,
    )
    if options.via == "service":
        return replace(way, url=service_url(await own_service(cluster, body), url))
    pods = await cluster.list(POD, f"{NAME_LABEL}={key.name}")
    streams = await stack.enter_async_context(PodStreams(credentials_of(options)))
    local, forward = await stack.enter_async_context(forwarded(streams, ready_pod(key.name, pods.items), url))
    return replace(way, url=local, forward=forward)


async def _api_key(
    options: argparse.Namespace, cluster: KubernetesClient, body: KubernetesObject
) -> str | None:
    """Return the API key of a resource from its Secret, unless one is given."""
    reference = api_key_reference(body)
    if options.api_key or os.environ.get(API_KEY_VARIABLE) or reference is None:
        return None
    name, key = reference
    return secret_value(await cluster.get(SECRET, Key(body["metadata"]["namespace"], name)), key)


async def _certificates(
    options: argparse.Namespace, cluster: KubernetesClient, body: KubernetesObject
) -> str | None:
    """Return what vouches for a resource's server, from its Secret if that may be read: its authority, or itself."""
    name = tls_secret(body)
    if name is None or options.ca_file or options.insecure:
        return None
    try:
        secret = await cluster.get(SECRET, Key(body["metadata"]["namespace"], name))
    except ForbiddenError:
        return None
    return secret_value(secret, "ca.crt" if "ca.crt" in secret.get("data", {}) else "tls.crt")
