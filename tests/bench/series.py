"""The operator's series: what it takes, and what it costs, to bring up so many resources and keep them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.bench.convergence import LONGEST_SECONDS, all_converged, all_gone, all_scaled
from tests.bench.crowd import for_each
from tests.bench.instruments.requests import Requests, parse_requests, sum_of
from tests.bench.instruments.usage import Usage, usage
from tests.bench.limit import CREATORS, create_all
from tests.bench.stand import fresh_cluster, start_garbage_collector
from tests.bench.workload import DEPLOYMENTS, RESOURCES, body_of, name_of
from tests.cluster.apiserver.api import MERGE
from tests.cluster.apiserver.async_api import METADATA, AsyncApi
from tests.cluster.apiserver.async_waiting import until
from tests.cluster.components import free_ports
from tests.cluster.operators.operator_process import spawn_operator

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.cluster.control_plane import LocalCluster

STEADY_SECONDS = 60.0
LATENCY_SAMPLES = 200
LATENCY_PER_SECOND = 5
LATENCY_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase took and cost.

    Attributes:
        seconds: wall time.
        cpu_seconds: CPU time of the operator.
        server_cpu_seconds: CPU time of kube-apiserver.
        rss_mib: resident memory of the operator at the end, in MiB.
        peak_rss_mib: the operator's peak since its start, in MiB.
        stored_kib: what etcd's database grew by, old revisions included, in KiB.
        requests: of the operator.
    """

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    rss_mib: float
    peak_rss_mib: float
    stored_kib: float
    requests: Requests


class Stand:
    """A cluster with an operator to measure.

    Args:
        cluster: the operator is its process ``operator``.
        api: the administrator's.
    """

    def __init__(self, cluster: LocalCluster, api: AsyncApi) -> None:
        self._cluster = cluster
        self._api = api
        self.phases: dict[str, Phase] = {}

    async def phase(self, name: str, done: Awaitable[object]) -> None:
        """Measure one phase, from now until something is done."""
        requests, operator, server = self._requests(), self._operator(), self._server()
        stored = self._stored_kib()
        started = time.perf_counter()
        await done
        seconds = time.perf_counter() - started
        after = self._operator() or Usage(0, 0, 0)
        self.phases[name] = Phase(
            seconds,
            after.cpu_seconds - (operator.cpu_seconds if operator else 0.0),
            self._server().cpu_seconds - server.cpu_seconds,
            after.rss_mib,
            after.peak_rss_mib,
            self._stored_kib() - stored,
            self._requests() - requests,
        )

    def _requests(self) -> Requests:
        return parse_requests(self._cluster.metrics())

    def _stored_kib(self) -> float:
        return sum_of(self._cluster.etcd.metrics(), "etcd_mvcc_db_total_size_in_use_in_bytes") / 1024

    def _operator(self) -> Usage | None:
        process = self._cluster.processes.get("operator")
        return usage(process.pid) if process else None

    def _server(self) -> Usage:
        return usage(self._cluster.processes["kube-apiserver"].pid)


async def cold(count: int, *, whole: bool = True) -> dict[str, Phase]:
    """Start the operator on so many resources; then rest, edit all of them, restart, and delete all of them.

    Args:
        count: resources.
        whole: whether to go on after they have converged.
    """
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            stand = Stand(cluster, api)
            await create_all(api, count)

            async def start() -> None:
                await asyncio.gather(
                    asyncio.to_thread(spawn_operator, cluster, wait=False), all_converged(api, count)
                )

            await stand.phase("cold", start())
            if not whole:
                return stand.phases
            await stand.phase("steady", asyncio.sleep(STEADY_SECONDS))
            await stand.phase("edit", _edit_all(api, count))
            await asyncio.to_thread(cluster.processes.pop("operator").stop)
            await stand.phase("restart", _restarted(cluster, count))
            start_garbage_collector(cluster)
            await stand.phase("delete", _delete_all(api, count))
            return stand.phases


async def hot(count: int) -> dict[str, Phase]:
    """Create so many resources while the operator runs."""
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            await asyncio.to_thread(spawn_operator, cluster)
            stand = Stand(cluster, api)

            async def create() -> None:
                await create_all(api, count)
                await all_converged(api, count)

            await stand.phase("hot", create())
            return stand.phases


async def latencies() -> list[float]:
    """Create resources at a steady pace; return the seconds from each answer to its Deployment's watch event."""
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            await asyncio.to_thread(spawn_operator, cluster)
            version = (await api.ask("GET", DEPLOYMENTS))["metadata"]["resourceVersion"]
            created: dict[str, float] = {}
            seen: dict[str, float] = {}
            watching = asyncio.create_task(_note_deployments(api, version, seen))
            begin = time.perf_counter()
            for number in range(LATENCY_SAMPLES):
                await asyncio.sleep(begin + number / LATENCY_PER_SECOND - time.perf_counter())
                await api.ask("POST", RESOURCES, body_of(number))
                created[name_of(number)] = time.perf_counter()
            await asyncio.wait_for(watching, LATENCY_DEADLINE_SECONDS)
            return [seen[name] - at for name, at in created.items()]


async def _note_deployments(api: AsyncApi, version: str, seen: dict[str, float]) -> None:
    async for event in api.watch(DEPLOYMENTS, version, METADATA):
        if event["type"] == "ADDED":
            seen[event["object"]["metadata"]["name"]] = time.perf_counter()
        if len(seen) == LATENCY_SAMPLES:
            return


async def _restarted(cluster: LocalCluster, count: int) -> None:
    """Start the operator again, and wait until it has looked at every resource."""
    (port,) = free_ports(1)
    environment = {"INTERNVL_HTTP_PORT": str(port)}
    await asyncio.to_thread(spawn_operator, cluster, environment=environment)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as operator:

        async def at_rest() -> bool:
            async with operator.get("/metrics") as answer:
                metrics = await answer.text()
            done = sum_of(metrics, "internvl_reconcile_total")
            return done >= count and sum_of(metrics, "internvl_queue_depth") == 0

        await until(at_rest, LONGEST_SECONDS)


async def _edit_all(api: AsyncApi, count: int) -> None:
    patch: dict[str, Any] = {"spec": {"replicas": 2}}

    async def edit(number: int) -> None:
        await api.ask("PATCH", f"{RESOURCES}/{name_of(number)}", patch, MERGE)

    await for_each(range(count), edit, CREATORS)
    await all_scaled(api, count, replicas=2)


async def _delete_all(api: AsyncApi, count: int) -> None:
    options = {"propagationPolicy": "Background"}

    async def delete(number: int) -> None:
        await api.ask("DELETE", f"{RESOURCES}/{name_of(number)}", options)

    await for_each(range(count), delete, CREATORS)
    await all_gone(api)
