"""An operator for some namespaces, with Roles in them and no right outside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.cluster.operators.operator_process import (
    grant_node_rights,
    grant_rights_in,
    resource,
    revoke_node_rights,
    spawn_operator,
)
from tests.cluster.waiting import (
    apply,
    condition,
    create_namespace,
    delete,
    eventually,
    get,
    get_all,
    wait_ready,
    wait_stalled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

A100 = "NVIDIA-A100-SXM4-80GB"
USER = "namespaced"


@pytest.fixture
def namespaces(cluster: LocalCluster) -> Iterator[tuple[str, str, str]]:
    """Two namespaces to watch, and one beside them."""
    names = tuple(f"test-{uuid4().hex[:12]}" for _ in range(3))
    for name in names:
        create_namespace(cluster, name)
    yield names[0], names[1], names[2]
    for name in names:
        cluster.etcd.remove_namespace(name)


@pytest.fixture
def start(cluster: LocalCluster) -> Iterator[Callable[[str, str], Process]]:
    """Starts an operator for two namespaces, which is stopped in the end."""
    started: list[Process] = []

    def start(first: str, second: str) -> Process:
        grant_rights_in(cluster, (first, second), USER)
        environment = {"INTERNVL_NAMESPACES": f"{first},{second}"}
        started.append(spawn_operator(cluster, "namespaced", cluster.kubeconfig(USER), environment))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def test_it_serves_its_namespaces_and_no_other(
    cluster: LocalCluster, namespaces: tuple[str, str, str], start: Callable[[str, str], Process]
) -> None:
    first, second, outside = namespaces
    start(first, second)
    gpu = {"product": A100}
    for namespace in namespaces:
        apply(cluster, resource("captions", namespace, gpu=gpu))

    for namespace in (first, second):
        wait_ready(cluster, "captions", namespace)
        delete(cluster, "service", "captions", namespace)
        eventually(partial(get, cluster, "service", "captions", namespace), "the Service")

    assert condition(get(cluster, "ivl", "captions", outside), "Ready") == {}
    assert get_all(cluster, "deployments", outside) == []


def test_without_the_right_to_list_nodes_it_asks_for_the_gpu(
    cluster: LocalCluster, namespaces: tuple[str, str, str], start: Callable[[str, str], Process]
) -> None:
    first, second, _ = namespaces
    start(first, second)
    apply(cluster, resource("captions", first))

    message = wait_stalled(cluster, "captions", first, "NoGPUKnown")

    assert "the nodes cannot be read" in message
    assert "set spec.gpu.product or spec.gpu.memory" in message
    apply(cluster, resource("captions", first, gpu={"memory": "80Gi"}))
    assert wait_ready(cluster, "captions", first)["status"]["plan"]["gpuMemoryMiB"] == 81920


def test_with_that_right_it_plans_from_the_nodes(
    cluster: LocalCluster, namespaces: tuple[str, str, str], start: Callable[[str, str], Process]
) -> None:
    first, second, _ = namespaces
    grant_node_rights(cluster, USER)
    try:
        start(first, second)
        apply(cluster, resource("captions", second))
        assert wait_ready(cluster, "captions", second)["status"]["plan"]["product"] == A100
    finally:
        revoke_node_rights(cluster)


@pytest.mark.timeout(180)
def test_a_watched_namespace_that_is_deleted_holds_up_neither_itself_nor_the_other(
    cluster: LocalCluster, namespaces: tuple[str, str, str], start: Callable[[str, str], Process]
) -> None:
    first, second, _ = namespaces
    operator = start(first, second)
    gpu = {"product": A100}
    apply(cluster, resource("captions", first, gpu=gpu))
    wait_ready(cluster, "captions", first)

    cluster.kubectl("delete", "namespace", first, "--timeout=60s")

    apply(cluster, resource("captions", second, gpu=gpu))
    wait_ready(cluster, "captions", second)
    assert operator.running
    operator.stop()
    # Its Role went with the namespace: the next operator may not read there, and serves the other all the same.
    operator.start()
    apply(cluster, resource("later", second, gpu=gpu))
    wait_ready(cluster, "later", second)

    create_namespace(cluster, first)
    grant_rights_in(cluster, [first], USER)
    apply(cluster, resource("again", first, gpu=gpu))
    wait_ready(cluster, "again", first, timeout=60.0)
