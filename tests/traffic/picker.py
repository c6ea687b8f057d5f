"""The endpoint picker itself, with the arguments that the operator renders, and the rights that the chart gives it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from internvl_operator.api.parsing import parse
from internvl_operator.api.platform_defaults import NO_DEFAULTS
from internvl_operator.manifests.objects.gateway.endpoint_picker import endpoint_picker
from internvl_operator.manifests.objects.gateway.inferencepool import PICKER_PORT, inference_pool
from tests.cluster.components import free_ports
from tests.cluster.custom_resources import install_crds
from tests.cluster.programs.binaries import locate
from tests.cluster.programs.published_crds import INFERENCE_POOL, obtain
from tests.cluster.waiting import apply
from tests.traffic.replicas import NAME, NAMESPACE

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

USER = "endpoint-picker"
"""Whom a token stands for here that the chart's ServiceAccount has in a cluster."""

_PROGRAM = "endpoint-picker"
_RBAC = "rbac.authorization.k8s.io"
_INFERENCE = "inference.networking.k8s.io"


def program() -> str:
    """Return the path of the endpoint picker, which is built if it is missing."""
    return str(locate([_PROGRAM])[_PROGRAM])


def grant(cluster: LocalCluster) -> None:
    """Make the model's InferencePool, and give the picker's user what the chart gives its ServiceAccount."""
    install_crds(cluster, obtain(INFERENCE_POOL))
    apply(cluster, inference_pool(_resource("Auto")))
    metadata = {"name": USER, "namespace": NAMESPACE}
    apply(
        cluster,
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
                {"apiGroups": [_INFERENCE], "resources": ["inferencepools"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": USER},
            "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": USER}],
        },
    )


def start(
    cluster: LocalCluster, *, prefix_caching: str = "Auto", name: str = _PROGRAM, port: int = PICKER_PORT
) -> Process:
    """Start a picker of a model.

    Args:
        cluster: has the pods, and ends the process.
        prefix_caching: ``engine.prefixCaching`` of the model.
        name: of the process.
        port: at which Gateways ask it; in a cluster each picker has an address of its own.
    """
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig(USER)),
    }
    # What is said last holds.
    apart = [f"--grpc-port={port}", f"--grpc-health-port={free_ports(1)[0]}", "--metrics-port=0"]
    command = [program(), *_arguments(prefix_caching), *apart]
    return cluster.spawn(name, command, environment, lambda: _is_open(port))


def _resource(prefix_caching: str) -> InternVLDeployment:
    spec: dict[str, Any] = {
        "size": "8B",
        "engine": {"prefixCaching": prefix_caching},
        "gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"},
    }
    return parse({"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec})


def _arguments(prefix_caching: str) -> list[str]:
    manifest = endpoint_picker(_resource(prefix_caching), NO_DEFAULTS)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
