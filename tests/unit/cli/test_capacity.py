"""The cluster's GPUs, and how many are requested."""

from __future__ import annotations

from typing import Any

from internvl_operator.cli.status.capacity import Capacity, capacities, gpu_requests
from tests.cluster.simulated_nodes import gpu_node


def pod(node: str, *gpus: int, phase: str = "Running") -> dict[str, Any]:
    limits: list[dict[str, Any]] = [{"resources": {"limits": {"nvidia.com/gpu": str(n)}}} for n in gpus]
    spec: dict[str, Any] = {"containers": [*limits, {"name": "sidecar"}]}
    return gpu_requests({"spec": spec | ({"nodeName": node} if node else {}), "status": {"phase": phase}})


def test_free_gpus_are_counted_by_product_and_on_the_best_node() -> None:
    nodes = [gpu_node("a"), gpu_node("b"), gpu_node("c", "NVIDIA-L4", 23034, 4)]
    requests = [pod("a", 2), pod("a", 1, 1), pod("b", 3), pod("c", 4)]
    assert capacities(nodes, requests) == (
        Capacity("NVIDIA-A100-SXM4-80GB", nodes=2, gpus=16, requested=7, most_free=5),
        Capacity("NVIDIA-L4", nodes=1, gpus=4, requested=4, most_free=0),
    )
    assert capacities(nodes, requests)[0].free == 9


def test_pods_that_ended_or_wait_for_a_node_take_no_gpus() -> None:
    requests = [pod("a", 2, phase="Succeeded"), pod("a", 2, phase="Failed"), pod("", 2, phase="Pending")]
    assert capacities([gpu_node("a")], requests)[0].requested == 0


def test_nodes_whose_gpus_no_model_can_use_are_left_out() -> None:
    assert capacities([gpu_node("a", unschedulable=True), gpu_node("b", replicas=4)], []) == ()


def test_mig_slices_are_a_product_of_their_own() -> None:
    node = gpu_node("a", resource="nvidia.com/mig-3g.40gb", count=2)
    assert capacities([node], []) == (Capacity("nvidia.com/mig-3g.40gb", 1, 2, 0, 2),)
