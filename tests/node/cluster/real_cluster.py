"""A control plane with real nodes, Services and an operator: `with RealCluster() as real: ...`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, spawn_operator
from tests.node.cluster.kube_proxy import start_kube_proxy
from tests.node.cluster.network import NodeNetwork
from tests.node.cluster.real_node import RealNode
from tests.node.cluster.stub_image import write_images

if TYPE_CHECKING:
    from types import TracebackType

CRD_DIRECTORY = Path(__file__).parents[3] / "crds"
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
NODES = 2
GPUS = 8
# What GPU Feature Discovery says of a node with eight A100 80 GB.
GPU_LABELS = {
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.memory": "81920",
    "nvidia.com/gpu.count": str(GPUS),
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.compute.major": "8",
    "nvidia.com/gpu.compute.minor": "0",
}


class RealCluster:
    """Two nodes that say they have eight GPUs each, and run the stub's image; the operator watches everything.

    Attributes:
        cluster: The control plane.
        network: Of the nodes and pods; this machine reaches their addresses and those of Services.
        nodes: By name.
        operator: It watches all namespaces; who stops it starts another.
    """

    cluster: LocalCluster
    network: NodeNetwork

    def __init__(self) -> None:
        self.nodes: dict[str, RealNode] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def traces(self) -> list[Path]:
        """What this machine has as long as the cluster runs, and no longer."""
        files = [self.cluster.directory, self.network.cable]
        return [*files, *(group for node in self.nodes.values() for group in node.control_groups)]

    def _start(self) -> None:
        self.network = self._stack.enter_context(NodeNetwork(NODES))
        addresses = self.network.addresses
        self.cluster = self._stack.enter_context(
            LocalCluster(components=CONTROLLERS, address=addresses.host, service_range=addresses.services)
        )
        images = self.cluster.directory / "images.tar"
        write_images(images)
        for index in range(NODES):
            node = RealNode(self.cluster, self.network, index, GPU_LABELS, images)
            self.nodes[node.name] = self._stack.enter_context(node)
            node.set_gpus(GPUS)
        start_kube_proxy(self.cluster, self.network, node.name)
        install_crds(self.cluster, *CRD_DIRECTORY.glob("*.yaml"))
        grant_rights(self.cluster)
        self.operator = spawn_operator(self.cluster)
