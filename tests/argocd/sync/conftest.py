"""A cluster with Argo CD and without the operator, and the example in a Git repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.argocd.customizations import EXAMPLES
from tests.argocd.sync.applications import Applications
from tests.argocd.sync.installation import Installation
from tests.argocd.sync.record import Record
from tests.argocd.sync.repository import Repository
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import grant_rights, spawn_operator
from tests.cluster.simulated_nodes import add_nodes, gpu_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.processes import Process

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A control plane, three nodes of eight A100 80 GB, the CRD, and Argo CD."""
    with LocalCluster() as cluster:
        add_nodes(cluster, [gpu_node(f"a100-{number}") for number in (1, 2, 3)])
        install_crds(cluster, *(ROOT / "crds").glob("*.yaml"))
        # The garbage collector finds a new kind up to 30 s late, or when it starts.
        cluster.processes["kube-controller-manager"].stop()
        cluster.processes["kube-controller-manager"].start()
        Installation(cluster)
        yield cluster


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A Git repository with the example's models and the operator's chart."""
    repository = Repository(tmp_path_factory.mktemp("repository"))
    for directory in (EXAMPLES / "models", ROOT / "charts"):
        repository.add(directory, str(directory.relative_to(ROOT)))
    return repository


@pytest.fixture(scope="module")
def applications(cluster: LocalCluster, repository: Repository) -> Applications:
    """The cluster's Applications, none so far."""
    return Applications(cluster, repository.url)


@pytest.fixture(scope="module")
def record(cluster: LocalCluster) -> Record:
    """What Argo CD says of its Applications from the first use of this fixture on."""
    return Record(cluster)


@pytest.fixture(scope="module")
def operator(cluster: LocalCluster) -> Process:
    """The operator, from the first use of this fixture on."""
    grant_rights(cluster)
    return spawn_operator(cluster)
