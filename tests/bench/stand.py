"""A control plane for one series: a fresh etcd, the CRD, the operator's rights, two GPU nodes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.instruments.requests import flow_schemas
from tests.bench.workload import NAMESPACE
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import USER, grant_rights
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

_CRDS = Path(__file__).parents[2] / "crds"
_COLLECTOR = "kube-controller-manager"
SETTLE_SECONDS = 30.0


@contextmanager
def fresh_cluster() -> Iterator[LocalCluster]:
    """Run etcd and kube-apiserver alone: no controller, scheduler or kubelet takes of the machine."""
    with LocalCluster(components=[_COLLECTOR]) as cluster:
        cluster.processes[_COLLECTOR].kill()
        install_crds(cluster, *_CRDS.glob("*.yaml"))
        cluster.kubectl("get", "internvldeployments", "--all-namespaces")
        cluster.kubectl("create", "namespace", NAMESPACE)
        grant_rights(cluster)
        listed = {"apiVersion": "v1", "kind": "List", "items": flow_schemas()}
        cluster.kubectl("create", "-f", "-", input=json.dumps(listed))
        add_ready_nodes(cluster)
        eventually(lambda: _counts_flows(cluster), "FlowSchemas in force", SETTLE_SECONDS)
        yield cluster


def start_garbage_collector(cluster: LocalCluster) -> None:
    """Run the one controller that deletes the children of what is deleted."""
    collector = cluster.processes[_COLLECTOR]
    collector.argv.append("--controllers=garbage-collector-controller")
    collector.start()


def _counts_flows(cluster: LocalCluster) -> bool:
    """Whether the API server sorts the operator's requests by the FlowSchemas."""
    cluster.kubectl("get", "nodes", user=USER)
    return 'dispatched_requests_total{flow_schema="operator-reads"' in cluster.metrics()


def add_ready_nodes(cluster: LocalCluster) -> None:
    """Add two nodes with eight GPUs each that are ready without a kubelet."""
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_ready_node(f"a100-{number}") for number in (1, 2)],
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(listed))
    # The API server gives it to every new node, and a controller that does not run would take it away.
    cluster.kubectl("taint", "nodes", "--all", "node.kubernetes.io/not-ready-")


def _ready_node(name: str) -> dict[str, Any]:
    node = gpu_node(name)
    node["status"]["conditions"] = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    return node
