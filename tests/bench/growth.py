"""What the operator costs by the nodes of a cluster and by the namespaces it is limited to.

``python -m tests.bench.growth``: each figure is of an operator that was just started, on a fresh API server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.bench.convergence import LONGEST_SECONDS
from tests.bench.crowd import for_each
from tests.bench.instruments.machine import this_machine
from tests.bench.instruments.requests import parse_requests
from tests.bench.instruments.usage import usage
from tests.bench.stand import fresh_cluster
from tests.cluster.apiserver.async_api import AsyncApi
from tests.cluster.apiserver.async_waiting import until
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.simulated_nodes import gpu_node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.control_plane import LocalCluster

NODES = (10, 1000, 5000)
NAMESPACES = (1, 10, 50)
CREATORS = 16
IMAGES_OF_A_NODE = 50
"""The kubelet reports that many at the most (``--node-status-max-images``), which is most of a Node."""


@dataclass(frozen=True, slots=True)
class Start:
    """What it took from the start of the process until every resource had its Deployment.

    Attributes:
        count: nodes, or namespaces.
        seconds: wall time.
        cpu_seconds: CPU time of the operator.
        peak_rss_mib: the operator's most resident memory, in MiB.
        reads: gets and lists of the operator.
        watches: watches that it began.
    """

    count: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    reads: int
    watches: int


def main() -> int:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=NODES, metavar="N")
    parser.add_argument("--namespaces", type=int, nargs="*", default=NAMESPACES, metavar="N")
    options = parser.parse_args()
    print(f"{this_machine()}\n")
    by_nodes = [asyncio.run(with_nodes(count)) for count in options.nodes]
    print(_table("nodes", by_nodes), "\n")
    by_namespaces = [asyncio.run(with_namespaces(count)) for count in options.namespaces]
    print(_table("namespaces", by_namespaces))
    return 0


async def with_nodes(count: int) -> Start:
    """Start the operator on one resource in a cluster of so many nodes."""
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            nodes = (_large_node(f"node-{number:05}") for number in range(count))
            await for_each(nodes, lambda node: api.ask("POST", "/api/v1/nodes", node), CREATORS)
            return await _started(cluster, api, count, ["growth-0"], {})


async def with_namespaces(count: int) -> Start:
    """Start the operator on so many namespaces alone, with a resource in each."""
    namespaces = [f"growth-{number}" for number in range(count)]
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            environment = {"INTERNVL_NAMESPACES": ",".join(namespaces)}
            return await _started(cluster, api, count, namespaces, environment)


async def _started(
    cluster: LocalCluster,
    api: AsyncApi,
    count: int,
    namespaces: list[str],
    environment: Mapping[str, str],
) -> Start:
    for namespace in namespaces:
        await api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = f"/apis/internvl.dev/v1alpha1/namespaces/{namespace}/internvldeployments"
        await api.ask("POST", path, resource("captions", namespace))
    before = parse_requests(cluster.metrics())
    started = time.perf_counter()
    await asyncio.to_thread(spawn_operator, cluster, environment=environment)

    async def all_deployed() -> bool:
        return await api.count("/apis/apps/v1/deployments") == len(namespaces)

    await until(all_deployed, LONGEST_SECONDS)
    seconds = time.perf_counter() - started
    used, requests = usage(cluster.processes["operator"].pid), parse_requests(cluster.metrics()) - before
    return Start(count, seconds, used.cpu_seconds, used.peak_rss_mib, requests.reads, requests.watches)


def _large_node(name: str) -> dict[str, Any]:
    node = gpu_node(name)
    digest = "0123456789abcdef" * 4
    node["status"] |= {
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        "images": [
            {
                "names": [f"registry.example.com/team/image-{number}@sha256:{digest}"],
                "sizeBytes": 10**9 + number,
            }
            for number in range(IMAGES_OF_A_NODE)
        ],
    }
    return node


def _table(what: str, starts: list[Start]) -> str:
    lines = [
        f"| {what} | seconds | CPU seconds | peak memory, MiB | reads | watches |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {start.count:,} | {start.seconds:.1f} | {start.cpu_seconds:.1f} | {start.peak_rss_mib:.0f} "
        f"| {start.reads} | {start.watches} |"
        for start in starts
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
