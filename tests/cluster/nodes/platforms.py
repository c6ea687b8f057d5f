"""How GKE, EKS, Karpenter, AKS, OpenShift, k3s and the GPU Operator label and taint nodes with GPUs.

Sources: the documentation of each, which docs/platforms.md tells of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.cluster.simulated_nodes import gpu_node

NO_SCHEDULE = {"effect": "NoSchedule"}


@dataclass(frozen=True)
class Platform:
    """A kind of cluster.

    Args:
        gpu: what a user of it writes in spec.gpu.
        labels: of its nodes, beside those that every kubelet sets.
        missing: what the message names while no node is there.
        taints: of its nodes.
        pods: what a user of it writes in spec.podTemplate.
        offered: the nodes' GPUs or slices.
        allocatable: what its smallest node with a GPU leaves to pods.
    """

    gpu: dict[str, Any]
    labels: dict[str, str]
    missing: tuple[str, ...]
    taints: tuple[dict[str, str], ...] = ()
    pods: dict[str, Any] = field(default_factory=dict)
    offered: str = "nvidia.com/gpu"
    allocatable: dict[str, str] = field(default_factory=dict)


def feature_discovery(product: str, memory_mib: int, capability: tuple[int, int]) -> dict[str, str]:
    """The labels of GPU Feature Discovery that count here."""
    major, minor = capability
    return {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": str(memory_mib),
        "nvidia.com/gpu.replicas": "1",
        "nvidia.com/gpu.sharing-strategy": "none",
        "nvidia.com/gpu.compute.major": str(major),
        "nvidia.com/gpu.compute.minor": str(minor),
        "nvidia.com/cuda.driver-version.major": "580",
        "nvidia.com/cuda.driver-version.minor": "65",
        "nvidia.com/vgpu.present": "false",
    }


PLATFORMS = {
    "gke": Platform(  # g2-standard-4
        {"product": "nvidia-l4"},
        {
            "cloud.google.com/gke-accelerator": "nvidia-l4",
            "cloud.google.com/gke-accelerator-count": "1",
            "cloud.google.com/gke-nodepool": "l4",
            "node.kubernetes.io/instance-type": "g2-standard-4",
        },
        ("cloud.google.com/gke-accelerator=nvidia-l4",),
        ({"key": "nvidia.com/gpu", "value": "present", **NO_SCHEDULE},),
        allocatable={"cpu": "3920m", "memory": "13199Mi", "ephemeral-storage": "47Gi"},
    ),
    "karpenter": Platform(  # g5.xlarge
        {"product": "a10g"},
        {
            "karpenter.k8s.aws/instance-gpu-name": "a10g",
            "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
            "karpenter.k8s.aws/instance-gpu-count": "1",
            "karpenter.k8s.aws/instance-gpu-memory": "22888",
            "karpenter.sh/nodepool": "gpu",
            "node.kubernetes.io/instance-type": "g5.xlarge",
        },
        ("karpenter.k8s.aws/instance-gpu-name=a10g",),
        ({"key": "nvidia.com/gpu", "value": "true", **NO_SCHEDULE},),
        allocatable={"cpu": "3920m", "memory": "14.5Gi", "ephemeral-storage": "90Gi"},
    ),
    "eks": Platform(  # a managed node group of g6.xlarge, without GPU Feature Discovery
        {"product": "L4"},
        {"eks.amazonaws.com/nodegroup": "gpu", "node.kubernetes.io/instance-type": "g6.xlarge"},
        ("no usable node has NVIDIA-L4",),
        allocatable={"cpu": "3920m", "memory": "14.5Gi", "ephemeral-storage": "70Gi"},
    ),
    "aks": Platform(
        {"product": "A100-PCIE-80GB"},
        {
            "kubernetes.azure.com/accelerator": "nvidia",
            "kubernetes.azure.com/agentpool": "gpu",
            "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4",
        },
        ("no usable node has NVIDIA-A100-80GB-PCIe",),
        ({"key": "sku", "value": "gpu", **NO_SCHEDULE},),
        {"tolerations": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}]},
    ),
    "openshift": Platform(
        {"product": "NVIDIA-A100-SXM4-80GB"},
        {"node.openshift.io/os_id": "rhel", **feature_discovery("NVIDIA-A100-SXM4-80GB", 81920, (8, 0))},
        ("nvidia.com/gpu.product=NVIDIA-A100-SXM4-80GB",),
        ({"key": "nvidia.com/gpu", **NO_SCHEDULE},),
        {"identity": "ClusterAssigned"},
    ),
    "k3s": Platform(
        {"memory": "24Gi"},
        {"node.kubernetes.io/instance-type": "k3s"},
        ("no usable node has 24576 MiB of nvidia.com/gpu",),
        pods={"runtimeClassName": "nvidia"},
        allocatable={"cpu": "8", "memory": "31Gi", "ephemeral-storage": "200Gi"},
    ),
    "gpu-operator": Platform(
        {"product": "NVIDIA-L40S"},
        feature_discovery("NVIDIA-L40S", 46068, (8, 9)),
        ("nvidia.com/gpu.product=NVIDIA-L40S",),
        ({"key": "nvidia.com/gpu", "value": "present", "effect": "NoExecute"},),
    ),
    "mig": Platform(
        {"resource": "nvidia.com/mig-3g.40gb"},
        {"nvidia.com/mig.strategy": "mixed", **feature_discovery("NVIDIA-A100-SXM4-80GB", 81920, (8, 0))},
        ("no usable node has mig-3g.40gb",),
        ({"key": "nvidia.com/gpu", "value": "present", **NO_SCHEDULE},),
        offered="nvidia.com/mig-3g.40gb",
    ),
}


def platform_node(name: str, platform: Platform, *, offers: bool = True) -> dict[str, Any]:
    """A node of a platform; one without GPUs has all but them."""
    node = gpu_node(name, count=2, taints=platform.taints)
    labels = {
        key: value for key, value in node["metadata"]["labels"].items() if not key.startswith("nvidia.com/")
    }
    offered = {key: value for key, value in node["status"]["allocatable"].items() if key != "nvidia.com/gpu"}
    offered |= platform.allocatable | ({platform.offered: "2"} if offers else {})
    return {
        **node,
        "metadata": {**node["metadata"], "labels": {**labels, **platform.labels}},
        "status": {"capacity": offered, "allocatable": offered},
    }
