"""The cluster with real nodes that all tests of this directory share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.cluster.waiting import create_namespace, delete, eventually
from tests.node.cluster.real_cluster import RealCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

REMOVAL_SECONDS = 60.0
EXEMPTION = "a real node needs Linux and root"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a real node where there cannot be one; this is the only exemption."""
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    for item in items:
        if item.nodeid.startswith("tests/node/"):
            item.add_marker(pytest.mark.skip(reason=EXEMPTION))


@pytest.fixture(scope="session")
def real() -> Iterator[RealCluster]:
    """Two real nodes, with kube-proxy and an operator; nothing is left of them afterwards."""
    with RealCluster() as real:
        traces = real.traces
        yield real
    eventually(
        lambda: not any(trace.exists() for trace in traces), f"nothing is left of {traces}", REMOVAL_SECONDS
    )


@pytest.fixture(scope="session")
def cluster(real: RealCluster) -> LocalCluster:
    """Their control plane."""
    return real.cluster


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """The name of a new namespace, which is deleted afterwards."""
    name = f"test-{uuid4().hex[:12]}"
    create_namespace(cluster, name)
    yield name
    delete(cluster, "namespace", name)
