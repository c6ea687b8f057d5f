"""The cluster that all tests of this directory share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.cluster.control_plane import LocalCluster
from tests.cluster.operators.operator_process import grant_rights, spawn_operator
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import create_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.api import Api
    from tests.cluster.processes import Process

CRD_DIRECTORY = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A control plane with an audit log, three nodes of eight A100 80 GB, the CRD, and the operator's rights."""
    with LocalCluster(audited=True, crds=CRD_DIRECTORY.glob("*.yaml")) as cluster:
        add_nodes(cluster, [gpu_node(f"a100-{number}") for number in (1, 2, 3)])
        # An established kind is served a moment later; kubectl tries until then.
        cluster.kubectl("get", "internvldeployments", "--all-namespaces")
        grant_rights(cluster)
        yield cluster


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """The name of a new namespace, of which nothing is left afterwards."""
    name = f"test-{uuid4().hex[:12]}"
    create_namespace(cluster, name)
    yield name
    cluster.etcd.remove_namespace(name)


@pytest.fixture(scope="session")
def api(cluster: LocalCluster) -> Api:
    """The API server's REST interface as the administrator sees it."""
    return cluster.api


@pytest.fixture(scope="module")
def operator(cluster: LocalCluster) -> Iterator[Process]:
    """An operator that watches every namespace while the tests of one module run."""
    process = spawn_operator(cluster)
    yield process
    process.stop()
