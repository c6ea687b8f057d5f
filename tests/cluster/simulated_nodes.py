"""Nodes with GPUs that nobody owns: kwok plays their kubelets, the scheduler places pods on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.waiting import condition, eventually, get_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.cluster.control_plane import LocalCluster

KWOK_NODE_ANNOTATION = "kwok.x-k8s.io/node=fake"
# A pod with this label meets the named end instead of becoming ready; see stages/pod-fate-*.yaml.
FATE_LABEL = "internvl.test/fate"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
NODE_RESOURCES = {"cpu": "96", "memory": "1Ti", "ephemeral-storage": "4Ti", "pods": "110"}
READY_SECONDS = 30


def stage_files() -> list[Path]:
    """Files of the Stage resources by which kwok plays nodes and pods, one for each."""
    return sorted((Path(__file__).parent / "stages").glob("*.yaml"))


def gpu_node(
    name: str,
    product: str = "NVIDIA-A100-SXM4-80GB",
    memory_mib: int = 81920,
    count: int = 8,
    *,
    resource: str = "nvidia.com/gpu",
    replicas: int = 1,
    compute_capability: str = "8.0",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    unschedulable: bool = False,
) -> dict[str, Any]:
    """A Node as the kubelet, NVIDIA's device plugin and GPU Feature Discovery would describe it.

    Args:
        name: Of the node.
        product: Label nvidia.com/gpu.product.
        memory_mib: Memory of one GPU in MiB, as nvidia-smi counts it.
        count: GPUs of the node.
        resource: Extended resource that pods ask for.
        replicas: Pods that share one GPU in time; the node offers count x replicas.
        compute_capability: For example ``8.0``.
        labels: Added to, or put in the place of, the labels made from the other arguments.
        taints: For example GPU_TAINT.
        unschedulable: Whether the node is cordoned.
    """
    major, minor = compute_capability.split(".")
    resources = {**NODE_RESOURCES, resource: str(count * replicas)}
    annotation, value = KWOK_NODE_ANNOTATION.split("=")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {annotation: value},
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "nvidia.com/gpu.present": "true",
                "nvidia.com/gpu.product": product,
                "nvidia.com/gpu.memory": str(memory_mib),
                "nvidia.com/gpu.count": str(count),
                "nvidia.com/gpu.replicas": str(replicas),
                "nvidia.com/gpu.compute.major": major,
                "nvidia.com/gpu.compute.minor": minor,
                **(labels or {}),
            },
        },
        "spec": {"taints": [dict(taint) for taint in taints], "unschedulable": unschedulable},
        "status": {"capacity": resources, "allocatable": resources},
    }


def add_nodes(cluster: LocalCluster, nodes: Iterable[Mapping[str, Any]]) -> None:
    """Create nodes and wait until they are Ready; kwok must run.

    Raises:
        RefusedError: One was refused.
        AssertionError: One did not become Ready.
    """
    manifests = [dict(node) for node in nodes]
    for node in manifests:
        cluster.api.request("POST", "/api/v1/nodes", node).granted()
    names = {node["metadata"]["name"] for node in manifests}
    controlled = "kube-controller-manager" in cluster.processes

    def all_take_pods() -> bool:
        nodes = [node for node in get_all(cluster, "nodes") if node["metadata"]["name"] in names]
        return all(
            condition(node, "Ready").get("status") == "True" and not (controlled and _is_new(node))
            for node in nodes
        )

    eventually(all_take_pods, "nodes that take pods", READY_SECONDS)


def _is_new(node: Mapping[str, Any]) -> bool:
    """Whether a node has the taint that it is created with; kube-controller-manager takes it off a Ready one."""
    return any(taint["key"] == "node.kubernetes.io/not-ready" for taint in node["spec"].get("taints", ()))
