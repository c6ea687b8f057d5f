"""The nodes of GKE, EKS with Karpenter, AKS, OpenShift, k3s and the GPU Operator, as each labels and taints them.

A model is made while the pool is at zero: one sentence says what is missing. Then a node comes, and it is ready; so is
a model that is made beside it. Sources: the documentation of each, which docs/platforms.md tells of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.nodes.platforms import PLATFORMS, Platform, platform_node
from tests.cluster.operators.operator_process import grant_rights, resource, spawn_operator
from tests.cluster.simulated_nodes import add_nodes
from tests.cluster.waiting import apply, condition, create_namespace, delete, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def clouds() -> Iterator[LocalCluster]:
    """A control plane, one node without GPUs, and an operator that looks at the nodes each time."""
    with LocalCluster(crds=CRD_DIRECTORY.glob("*.yaml")) as cluster:
        add_nodes(cluster, [platform_node("cpu", Platform({}, {}, ()), offers=False)])
        cluster.kubectl("get", "internvldeployments", "--all-namespaces")
        grant_rights(cluster)
        runtime = {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "nvidia"},
            "handler": "nvidia",
        }
        cluster.api.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime).granted()
        spawn_operator(cluster, environment={"INTERNVL_NODES_TTL_SECONDS": "0"})
        yield cluster


@pytest.fixture
def pool(clouds: LocalCluster, name: str) -> Iterator[Callable[[], None]]:
    """A function that adds a node to a platform's pool; the pool and the platform's namespace go in the end."""
    nodes: list[str] = []

    def add() -> None:
        nodes.append(f"{name}-{len(nodes) + 1}")
        add_nodes(clouds, [platform_node(nodes[-1], PLATFORMS[name])])

    create_namespace(clouds, name)
    yield add
    clouds.etcd.remove_namespace(name)
    for node in nodes:
        delete(clouds, "node", node)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", PLATFORMS)
def test_a_pool_at_zero_and_one_that_is_up(clouds: LocalCluster, name: str, pool: Callable[[], None]) -> None:
    platform = PLATFORMS[name]
    model = {"size": "2B", "podTemplate": platform.pods}
    apply(clouds, resource("at-zero", name, gpu=platform.gpu, **model))

    def waits() -> str | None:
        ready = condition(get(clouds, "internvldeployment", "at-zero", name), "Ready")
        waiting = ready.get("reason") in ("Unschedulable", "WaitingForGPU")
        return str(ready["message"]) if waiting else None

    message = eventually(waits, "the scheduler's word", 60)
    assert all(words in message for words in platform.missing), message

    pool()
    wait_ready(clouds, "at-zero", name, timeout=90)

    # The smallest node has room for one replica.
    pool()
    without_a_name = {key: value for key, value in platform.gpu.items() if key != "product"}
    apply(clouds, resource("up", name, gpu=without_a_name, **model))
    up = wait_ready(clouds, "up", name, timeout=60)
    assert up["status"]["plan"]["outcome"] == "ok"
    assert not any("no usable node" in note for note in up["status"]["plan"].get("notes", ()))
