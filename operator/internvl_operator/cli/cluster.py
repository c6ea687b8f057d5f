"""What all verbs that reach a cluster share: the options that name it, and a client for it."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials, default_namespace, load_credentials
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.leader_election.fence import open_fence
from internvl_operator.kube.port import Key, KubernetesObject, NotFoundError


class NoResourceError(ValueError):
    """There is no resource of that name; the message says where it was looked for."""


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a cluster, a user and a namespace as kubectl's do."""
    parser.add_argument("-n", "--namespace", help="(that of the kubeconfig's context)")
    parser.add_argument("--context", help="the kubeconfig's context (the current one)")
    parser.add_argument("--kubeconfig", metavar="FILE", help="($KUBECONFIG, or ~/.kube/config)")
    parser.add_argument("--as", dest="as_user", metavar="USER", help="act as this user")
    parser.add_argument(
        "--as-group", dest="as_groups", metavar="GROUP", action="append", help="and group; may be repeated"
    )


def namespace_of(options: argparse.Namespace) -> str:
    """Return the namespace that the options name, or else the one that kubectl would use."""
    return str(options.namespace or default_namespace(options.context, options.kubeconfig))


def credentials_of(options: argparse.Namespace) -> Credentials:
    """Return the credentials for the cluster and the user that the options name.

    Raises:
        ValueError: the kubeconfig has no credentials for the cluster, or a group is given without a user.
    """
    credentials = load_credentials(options.context, options.kubeconfig)
    if options.as_groups and not options.as_user:
        raise ValueError("--as-group needs --as: Kubernetes takes groups of a named user alone")
    if not options.as_user:
        return credentials
    groups = [("Impersonate-Group", group) for group in options.as_groups or ()]
    return replace(credentials, impersonation=(("Impersonate-User", options.as_user), *groups))


def cluster_of(options: argparse.Namespace, namespaces: Sequence[str] = ()) -> KubernetesClient:
    """Return a client of the cluster that the options name; it lists objects of these namespaces, or of all.

    Raises:
        ValueError: the kubeconfig has no credentials for the cluster.
    """
    return KubernetesClient(partial(credentials_of, options), namespaces)


def connection_of(options: argparse.Namespace) -> Connection:
    """Return a connection to the cluster that the options name, for requests of any kind.

    Raises:
        ValueError: the kubeconfig has no credentials for the cluster.
    """
    return Connection(partial(credentials_of, options), lambda *_: None, open_fence())


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
