"""The operator's own look at the nodes: what is kept of them says as much as they do, and is read rarely."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.kube.port import ForbiddenError
from internvl_operator.planner.nodes.inventory import NoGpuKnownError, inventory_for
from internvl_operator.planner.nodes.node_affinity import NodeTerm, Requirement
from internvl_operator.planner.request import GpuRequest
from internvl_operator.runtime.nodes import FRESH_SECONDS, NodeInventory
from internvl_operator.settings import Settings
from tests.cluster.simulated_nodes import GPU_TAINT, gpu_node
from tests.unit.fake_cluster import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Mapping

RESEARCH = {"key": "dedicated", "value": "research", "effect": "NoSchedule"}
NODES = (
    gpu_node("a100", taints=[GPU_TAINT, RESEARCH]),
    gpu_node("cordoned", "NVIDIA-H200", 143771, unschedulable=True),
    gpu_node("l4", "NVIDIA-L4", 23034, taints=[GPU_TAINT], labels={"pool": "l4"}),
    gpu_node("l40s", "NVIDIA-L40S", 46068),
)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cluster_of(*nodes: Mapping[str, Any]) -> FakeCluster:
    cluster = FakeCluster()
    for node in nodes:
        cluster.create(node)
    return cluster


@pytest.mark.parametrize(
    "request_",
    [
        GpuRequest(),
        GpuRequest(node_selector={"pool": "l4"}),
        GpuRequest(tolerations=({"key": "dedicated", "operator": "Exists"},)),
    ],
)
async def test_what_is_kept_of_the_nodes_gives_the_inventory_of_the_whole_nodes(request_: GpuRequest) -> None:
    read = NodeInventory(cluster_of(*NODES), Settings(), _Clock())
    assert await read(request_) == inventory_for(request_, NODES)


async def test_the_nodes_are_read_again_after_a_while() -> None:
    cluster, clock = cluster_of(NODES[-1]), _Clock()
    read = NodeInventory(cluster, Settings(nodes_ttl_seconds=60), clock)
    assert len((await read(GpuRequest())).pools) == 1
    cluster.create(NODES[2])
    clock.now = 59.0
    assert len((await read(GpuRequest())).pools) == 1
    clock.now = 60.0
    assert len((await read(GpuRequest())).pools) == 2


async def test_who_asks_for_the_same_gpus_gets_what_was_read_for_the_first_and_others_get_their_own() -> None:
    read = NodeInventory(cluster_of(*NODES), Settings(), _Clock())
    first = await read(GpuRequest())
    other = GpuRequest(node_selector={"pool": "l4"})
    assert await read(other) == inventory_for(other, NODES)
    assert await read(GpuRequest()) is first


async def test_nodes_that_are_asked_for_anew_are_not_older_than_some_seconds() -> None:
    cluster, clock = cluster_of(NODES[-1]), _Clock()
    read = NodeInventory(cluster, Settings(nodes_ttl_seconds=60), clock)
    await read(GpuRequest())
    cluster.create(NODES[2])
    clock.now = FRESH_SECONDS - 1
    assert len((await read(GpuRequest(), fresh=True)).pools) == 1
    clock.now = FRESH_SECONDS
    assert len((await read(GpuRequest())).pools) == 1
    assert len((await read(GpuRequest(), fresh=True)).pools) == 2


async def test_nodes_that_may_not_be_read_are_not_needed_where_the_installation_lists_its_gpus() -> None:
    cluster = FakeCluster()
    cluster.failures = [ForbiddenError("nodes is forbidden")]
    listed = NodeInventory(cluster, Settings(inventory=(("NVIDIA-L4", 8),)), _Clock())
    (pool,) = (await listed(GpuRequest(node_selector={"pool": "l4"}))).pools
    assert (pool.product, pool.count) == ("NVIDIA-L4", 8)
    with pytest.raises(NoGpuKnownError, match="the nodes cannot be read"):
        await NodeInventory(cluster, Settings(), _Clock())(GpuRequest())


async def test_an_affinity_of_many_terms_on_many_nodes_is_read_beside_the_event_loop() -> None:
    fails_last = [*(Requirement(f"k{number}", "NotIn", frozenset("a")) for number in range(15))]
    term = NodeTerm((*fails_last, Requirement("missing", "Exists", frozenset())), ())
    nodes = [gpu_node(f"n{number}") for number in range(500)]
    read = NodeInventory(cluster_of(*nodes), Settings(nodes_ttl_seconds=60), _Clock())
    await read(GpuRequest())
    turns = 0
    reading = asyncio.ensure_future(read(GpuRequest(node_affinity=(term,) * 16)))
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    # On the event loop it would be done within its first turns.
    assert turns > 10
    with suppress(NoGpuKnownError):
        reading.result()
