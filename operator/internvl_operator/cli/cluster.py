"""What all verbs that reach a cluster share: the options that name it, and a client for it."""

import argparse
from collections.abc import Sequence
from functools import partial

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.credentials import Credentials, default_namespace, load_credentials
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.port import Key, KubernetesObject, NotFoundError


class NoResourceError(ValueError):
    """There is no resource of that name; the message says where it was looked for."""


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add the options ``--namespace`` and ``--context``."""
    parser.add_argument("-n", "--namespace", help="(that of the kubeconfig's context)")
    parser.add_argument("--context", help="the kubeconfig's context (the current one)")


def namespace_of(options: argparse.Namespace) -> str:
    """Return the namespace that the options name, or else the one that kubectl would use."""
    return str(options.namespace or default_namespace(options.context))


def credentials_of(options: argparse.Namespace) -> Credentials:
    """Return the credentials for the cluster that the options name.

    Raises:
        ValueError: the kubeconfig has no credentials for the cluster.
    """
    return load_credentials(options.context)


def cluster_of(options: argparse.Namespace, namespaces: Sequence[str] = ()) -> KubernetesClient:
    """Return a client of the cluster that the options name; it lists objects of these namespaces, or of all.

    Raises:
        ValueError: the kubeconfig has no credentials for the cluster.
    """
    return KubernetesClient(partial(load_credentials, options.context), namespaces)


async def resource_of(cluster: KubernetesClient, key: Key) -> KubernetesObject:
    """Return a resource.

    Raises:
        NoResourceError: there is none of that name.
        ClusterError: the API failed.
    """
    try:
        return await cluster.get(RESOURCE, key)
    except NotFoundError:
        raise NoResourceError(f"there is no {key.name} in {key.namespace}") from None
