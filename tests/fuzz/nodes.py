"""Random nodes, whose labels, taints and amounts anyone may have written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.simulated_nodes import gpu_node
from tests.hostile import HOSTILE_TEXTS

if TYPE_CHECKING:
    from random import Random

_PRODUCTS = (
    "NVIDIA-A100-SXM4-80GB",
    "NVIDIA-L4",
    "Tesla-T4",
    "NVIDIA-H100-80GB-HBM3",
    "ACME-9000",
    "",
    "x-SHARED",
)
_NUMBERS = ("81920", "23034", "0", "1", "9" * 60, str(10**18), "-1", "1e9", "٣", "", "80Gi", "15360")
_COUNTS = ("8", "1", "0", "4", str(2**63 - 1), "9" * 60, "-1", "1k", "many", "")
_NUMBERED = (
    "nvidia.com/gpu.memory",
    "karpenter.k8s.aws/instance-gpu-memory",
    "nvidia.com/gpu.compute.major",
    "nvidia.com/gpu.compute.minor",
    "nvidia.com/gpu.replicas",
    "cloud.google.com/gke-max-shared-clients-per-gpu",
)
_NAMED = (
    "nvidia.com/gpu.product",
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
    "zone",
)


def random_nodes(random: Random) -> list[dict[str, Any]]:
    """A few nodes, or none; mostly one of them is as it should be, so that there is something to plan for."""
    nodes = [_node(f"node-{number}", random) for number in range(random.choice((0, 2, 5, 5, 10, 30)))]
    return [*nodes, gpu_node("honest")] if random.random() < 0.6 else nodes


def _node(name: str, random: Random) -> dict[str, Any]:
    labels = {key: random.choice(_NUMBERS) for key in _NUMBERED if random.random() < 0.3}
    labels |= {
        key: random.choice((*_PRODUCTS, *HOSTILE_TEXTS[:60])) for key in _NAMED if random.random() < 0.2
    }
    if random.random() < 0.7:
        labels["nvidia.com/gpu.product"] = random.choice(_PRODUCTS)
    taints = [
        {
            "key": random.choice(("nvidia.com/gpu", "spot", "zone")),
            "effect": effect,
            "value": random.choice(_NUMBERS),
        }
        for effect in ("NoSchedule", "NoExecute", "PreferNoSchedule")
        if random.random() < 0.1
    ]
    resource = random.choice(("nvidia.com/gpu", "nvidia.com/gpu", "nvidia.com/gpu", "nvidia.com/mig-1g.10gb"))
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"unschedulable": random.random() < 0.05, "taints": taints},
        "status": {
            "allocatable": {resource: random.choice((*_COUNTS, "8", "8", "8"))},
            "conditions": [{"type": "Ready", "status": random.choice(("True", "True", "True", "Unknown"))}],
        },
    }
