"""The operator as a process of its own, as its ServiceAccount, for tests on the real API server."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.cluster.access import OPERATOR
from tests.cluster.components import free_ports
from tests.cluster.operators.rights import rights
from tests.cluster.waiting import apply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.operators.rights import Rule
    from tests.cluster.processes import Process

USER = OPERATOR
STANDBY = "standby"


def grant_rights(cluster: LocalCluster, *users: str) -> None:
    """Give users, or else the operator's, the rights that it needs, cluster-wide."""
    _grant(cluster, "internvl-operator", rights("rules", "nodeRules"), users or (USER,))


def grant_rights_in(cluster: LocalCluster, namespaces: Iterable[str], user: str) -> None:
    """Give a user the rights that the operator needs in some namespaces, and none outside, such as on nodes."""
    for namespace in namespaces:
        _grant(cluster, "internvl-operator", rights("rules"), (user,), namespace)


def grant_node_rights(cluster: LocalCluster, user: str) -> None:
    """Give a user the right to list the nodes."""
    _grant(cluster, "internvl-operator-nodes", rights("nodeRules"), (user,))


def revoke_node_rights(cluster: LocalCluster) -> None:
    """Take the right to list the nodes back that a user was given apart."""
    cluster.kubectl("delete", "clusterrolebinding", "internvl-operator-nodes")


def grant_lease(cluster: LocalCluster, namespace: str, *users: str) -> None:
    """Give users the rights on leases that operators need in their own namespace."""
    _grant(cluster, "internvl-operator-lease", rights("leaseRules"), users, namespace)


def _grant(
    cluster: LocalCluster,
    name: str,
    rules: list[Rule],
    users: Iterable[str],
    namespace: str | None = None,
) -> None:
    scope = "Cluster" if namespace is None else ""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    group = "rbac.authorization.k8s.io"
    apply(
        cluster,
        {"apiVersion": f"{group}/v1", "kind": f"{scope}Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": f"{scope}RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": f"{scope}Role", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
        },
    )


def spawn_operator(
    cluster: LocalCluster,
    name: str = "operator",
    kubeconfig: Path | None = None,
    environment: Mapping[str, str] | None = None,
    wait: bool = True,
) -> Process:
    """Start an operator.

    Args:
        cluster: stops it in the end, if the caller does not.
        name: key in ``cluster.processes``, and its log's name.
        kubeconfig: how it reaches the API server; None: directly, as its own user.
        environment: further variables, such as INTERNVL_NAMESPACES.
        wait: whether to wait until it has listed everything once.
    """
    variables = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig or cluster.kubeconfig(USER)),
        "INTERNVL_HTTP_PORT": str(*free_ports(1)),
        **(environment or {}),
    }
    ready = f"http://127.0.0.1:{variables['INTERNVL_HTTP_PORT']}/readyz"
    return cluster.spawn(
        name,
        [sys.executable, "-m", "internvl_operator", "run"],
        variables,
        lambda: not wait or answers(ready),
    )


def answers(url: str) -> bool:
    """Return whether a URL answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def resource(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """Return an InternVLDeployment, of size 1B unless the spec says otherwise."""
    return {
        "apiVersion": "internvl.dev/v1alpha1",
        "kind": "InternVLDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": "1B", **spec},
    }
