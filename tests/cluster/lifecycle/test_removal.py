"""Taking things away, in any order: owner references collect the children, nothing hangs, and models serve on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, resource, spawn_operator
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import apply, create_namespace, eventually, get_all, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.processes import Process

CRD = "internvldeployments.internvl.dev"
RESOURCES = ("captions", "search")
KINDS = ("deployments", "replicasets", "pods", "services", "networkpolicies", "poddisruptionbudgets")
COLLECTED_SECONDS = 60.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def serving(cluster: LocalCluster, namespace: str, operator: Process) -> Process:
    """The operator, with two resources in the namespace that are Ready."""
    _serve(cluster, namespace)
    return operator


@pytest.fixture
def alone() -> Iterator[LocalCluster]:
    """A cluster of a test's own, as the CRD goes: two resources are Ready in its namespace ``models``."""
    with LocalCluster(crds=CRD_DIRECTORY.glob("*.yaml")) as cluster:
        add_nodes(cluster, [gpu_node("a100")])
        create_namespace(cluster, "models")
        grant_rights(cluster)
        spawn_operator(cluster)
        _serve(cluster, "models")
        yield cluster


@pytest.mark.usefixtures("serving")
def test_a_deleted_resource_takes_its_children_along_and_no_other(
    cluster: LocalCluster, namespace: str
) -> None:
    cluster.kubectl("delete", "ivl", "captions", "-n", namespace, "--timeout=10s")

    eventually(
        lambda: _names(cluster, namespace) == {"search"}, "only the other's children", COLLECTED_SECONDS
    )
    wait_ready(cluster, "search", namespace)


def test_the_operator_deleted_first_leaves_the_models_serving_and_the_namespace_free_to_go(
    cluster: LocalCluster, namespace: str, serving: Process
) -> None:
    pods = _uids(cluster, namespace)
    assert len(pods) == 4

    serving.stop()

    try:
        assert serving.exit_code == 0
        assert _uids(cluster, namespace) == pods
        assert _names(cluster, namespace) == set(RESOURCES)
        cluster.kubectl("delete", "namespace", namespace, "--timeout=60s")
    finally:
        serving.start()


def test_a_namespace_deleted_beside_a_running_operator_goes(
    cluster: LocalCluster, namespace: str, serving: Process
) -> None:
    cluster.kubectl("delete", "namespace", namespace, "--timeout=60s")

    assert serving.running
    create_namespace(cluster, namespace)
    apply(cluster, resource("captions", namespace))
    wait_ready(cluster, "captions", namespace)


def test_the_crd_deleted_first_takes_all_along_and_can_come_back(alone: LocalCluster) -> None:
    alone.kubectl("delete", "crd", CRD, "--timeout=60s")

    eventually(lambda: _names(alone, "models") == set(), "no child", COLLECTED_SECONDS)
    operator = alone.processes["operator"]
    eventually(lambda: not operator.running, "the end of the operator, whose kind is gone")
    assert operator.exit_code == 1, operator.log_tail(200)

    operator.launch()
    create_namespace(alone, "next")
    install_crds(alone, *CRD_DIRECTORY.glob("*.yaml"))
    apply(alone, resource("again", "next"))
    wait_ready(alone, "again", "next")
    alone.kubectl("patch", "ivl", "again", "-n", "next", "--type=merge", '-p={"spec": {"replicas": 2}}')
    eventually(lambda: len(get_all(alone, "pods", "next")) == 2, "the change, seen by a watch")


def _serve(cluster: LocalCluster, namespace: str) -> None:
    """Apply two resources of two replicas, and wait until both are Ready."""
    apply(cluster, *(resource(name, namespace, replicas=2) for name in RESOURCES))
    for name in RESOURCES:
        wait_ready(cluster, name, namespace)


def _names(cluster: LocalCluster, namespace: str) -> set[str]:
    """The resources, by name, of which there are children."""
    return {
        body["metadata"]["name"].partition("-")[0]
        for kind in KINDS
        for body in get_all(cluster, kind, namespace)
    }


def _uids(cluster: LocalCluster, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in get_all(cluster, "pods", namespace)}
