"""The cluster that the tests of the chart share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.control_plane import LocalCluster
from tests.cluster.simulated_nodes import add_nodes, gpu_node

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A control plane with two nodes of eight A100 80 GB, and nothing installed."""
    with LocalCluster() as cluster:
        add_nodes(cluster, [gpu_node(f"a100-{number}") for number in (1, 2)])
        yield cluster
