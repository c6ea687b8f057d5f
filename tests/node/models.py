"""Resources whose pods run the stub on a real node."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import Object, eventually, get
from tests.node.cluster.stub_image import MODEL_IMAGE, STUB_IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.control_plane import LocalCluster

PORT = 23333
# The plan's are those of a real engine on a machine for it.
SMALL = {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "16Mi"}


def stub(name: str, namespace: str, environment: Mapping[str, str] | None = None, **spec: Any) -> Object:
    """A resource of size 1B that runs the stub on files of an image, unless the spec says otherwise.

    Args:
        name: Of the resource.
        namespace: Of the resource.
        environment: The stub's variables.
        spec: Further fields of the spec.
    """
    variables = [{"name": key, "value": value} for key, value in (environment or {}).items()]
    return resource(
        name,
        namespace,
        **{
            "engine": {"image": STUB_IMAGE, "env": variables},
            "model": {"source": {"image": {"reference": MODEL_IMAGE}}},
            "podTemplate": {"resources": {"requests": SMALL}},
            **spec,
        },
    )


def serving_address(cluster: LocalCluster, name: str, namespace: str) -> str:
    """The address of a ready resource's Service, once it leads to a pod: kube-proxy hears of pods on its own."""
    address = service_address(cluster, name, namespace)
    eventually(lambda: _accepts(address), f"kube-proxy leads from {address} to a pod")
    return address


def service_address(cluster: LocalCluster, name: str, namespace: str) -> str:
    """The address of a resource's Service, which kube-proxy serves."""
    service = eventually(lambda: get(cluster, "service", name, namespace), f"Service {namespace}/{name}")
    return str(service["spec"]["clusterIP"])


def _accepts(address: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, PORT)) == 0
