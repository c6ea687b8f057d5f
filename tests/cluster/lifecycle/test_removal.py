"""Taking things away, in any order: owner references collect the children, nothing hangs, and models serve on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, resource, spawn_operator
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import apply, eventually, get_all, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.processes import Process

CRD = "internvldeployments.internvl.dev"
NAMESPACE = "models"
KINDS = ("deployments", "replicasets", "pods", "services", "networkpolicies", "poddisruptionbudgets")
COLLECTED_SECONDS = 60.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def alone() -> Iterator[LocalCluster]:
    """A cluster of a test's own, as the CRD goes: two resources are Ready in it."""
    with LocalCluster() as cluster:
        add_nodes(cluster, [gpu_node("a100")])
        install_crds(cluster, *CRD_DIRECTORY.glob("*.yaml"))
        # Its garbage collector looks for new kinds every 30 s, and when it starts. Of a kind that comes and goes
        # between two looks it collects nothing.
        cluster.processes["kube-controller-manager"].stop()
        cluster.processes["kube-controller-manager"].start()
        cluster.kubectl("create", "namespace", NAMESPACE)
        grant_rights(cluster)
        spawn_operator(cluster)
        names = ["captions", "search"]
        apply(cluster, *(resource(name, NAMESPACE, replicas=2) for name in names))
        for name in names:
            wait_ready(cluster, name, NAMESPACE)
        yield cluster


def test_a_deleted_resource_takes_its_children_along_and_no_other(alone: LocalCluster) -> None:
    alone.kubectl("delete", "ivl", "captions", "-n", NAMESPACE, "--timeout=10s")

    eventually(lambda: _names(alone) == {"search"}, "only the other's children", COLLECTED_SECONDS)
    wait_ready(alone, "search", NAMESPACE)


def test_the_crd_deleted_first_takes_all_along_and_can_come_back(alone: LocalCluster) -> None:
    alone.kubectl("delete", "crd", CRD, "--timeout=60s")

    eventually(lambda: _names(alone) == set(), "no child", COLLECTED_SECONDS)
    operator = alone.processes["operator"]
    eventually(lambda: not operator.running, "the end of the operator, whose kind is gone")
    assert operator.exit_code == 1, operator.log_tail(200)

    operator.launch()
    alone.kubectl("create", "namespace", "next")
    install_crds(alone, *CRD_DIRECTORY.glob("*.yaml"))
    apply(alone, resource("again", "next"))
    wait_ready(alone, "again", "next")
    alone.kubectl("patch", "ivl", "again", "-n", "next", "--type=merge", '-p={"spec": {"replicas": 2}}')
    eventually(lambda: len(get_all(alone, "pods", "next")) == 2, "the change, seen by a watch")


def test_the_operator_deleted_first_leaves_the_models_serving_and_the_namespace_free_to_go(
    alone: LocalCluster,
) -> None:
    pods = _uids(alone)
    assert len(pods) == 4
    operator: Process = alone.processes["operator"]

    operator.stop()

    assert operator.exit_code == 0
    assert _uids(alone) == pods
    assert _names(alone) == {"captions", "search"}
    alone.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")


def test_a_namespace_deleted_beside_a_running_operator_goes(alone: LocalCluster) -> None:
    alone.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")

    assert alone.processes["operator"].running
    alone.kubectl("create", "namespace", NAMESPACE)
    apply(alone, resource("captions", NAMESPACE))
    wait_ready(alone, "captions", NAMESPACE)


def _names(cluster: LocalCluster) -> set[str]:
    """The resources, by name, of which there are children."""
    return {
        body["metadata"]["name"].partition("-")[0]
        for kind in KINDS
        for body in get_all(cluster, kind, NAMESPACE)
    }


def _uids(cluster: LocalCluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in get_all(cluster, "pods", NAMESPACE)}
