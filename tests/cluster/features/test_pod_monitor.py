"""A PodMonitor is made where the cluster knows that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.programs.published_crds import POD_MONITOR, obtain
from tests.cluster.waiting import apply, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster


@pytest.fixture
def monitored(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster with the Prometheus operator's kind, and an operator that was started after it."""
    file = obtain(POD_MONITOR)
    install_crds(cluster, file)
    operator = spawn_operator(cluster, "monitoring")
    yield cluster
    operator.stop()
    cluster.kubectl("delete", "-f", str(file))


def test_the_pods_are_scraped_with_the_key_that_clients_use(monitored: LocalCluster, namespace: str) -> None:
    key = {"name": "keys", "key": "api-key"}
    apply(monitored, resource("captions", namespace, server={"apiKeySecretRef": key}))
    wait_ready(monitored, "captions", namespace)

    (endpoint,) = _monitor(monitored, namespace)["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == key
    assert (endpoint["port"], endpoint["path"], endpoint["scheme"]) == ("http", "/metrics", "http")

    apply(monitored, resource("captions", namespace, server={"apiKeySecretRef": key}, monitoring=_DISABLED))
    eventually(lambda: get(monitored, "podmonitor", "captions", namespace) is None, "it is gone")


_DISABLED = {"podMonitor": "Disabled"}


def _monitor(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    found = get(cluster, "podmonitor", "captions", namespace)
    assert found is not None
    return found
