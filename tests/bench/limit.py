"""The limit: how fast the API server takes the operator's own writes from a client that does nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench.convergence import all_converged
from tests.bench.crowd import for_each
from tests.bench.stand import fresh_cluster
from tests.bench.workload import RESOURCES, bodies, body_of
from tests.cluster.apiserver.async_api import AsyncApi

if TYPE_CHECKING:
    from tests.bench.instruments.recording import Recording

CONCURRENCIES = (4, 8, 16, 32)
CREATORS = 16
"""Resources that a user's client creates at once."""


async def create_all(api: AsyncApi, count: int) -> None:
    """Create so many resources as fast as a parallel client can."""
    await for_each(bodies(range(count)), lambda body: api.ask("POST", RESOURCES, body), CREATORS)


async def cold_seconds(recording: Recording, count: int, at_once: int) -> float:
    """Return the seconds that the writes for existing resources take."""
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:
            await create_all(api, count)
            items = (await api.ask("GET", RESOURCES))["items"]
            uids = [item["metadata"]["uid"] for item in items]
            started = time.perf_counter()
            await for_each(enumerate(uids), lambda item: _replay(api, recording, *item), at_once)
            await all_converged(api, count)
            return time.perf_counter() - started


async def hot_seconds(recording: Recording, count: int, at_once: int) -> float:
    """Return the seconds that creating resources and the writes for them take."""
    with fresh_cluster() as cluster:
        async with AsyncApi(cluster.kubeconfig()) as api:

            async def create(number: int) -> None:
                created = await api.ask("POST", RESOURCES, body_of(number))
                await _replay(api, recording, number, created["metadata"]["uid"])

            started = time.perf_counter()
            await for_each(range(count), create, at_once)
            await all_converged(api, count)
            return time.perf_counter() - started


async def best_concurrency(recording: Recording, count: int) -> dict[int, float]:
    """Return the seconds at each concurrency, the best one first."""
    seconds = {at_once: await cold_seconds(recording, count, at_once) for at_once in CONCURRENCIES}
    return dict(sorted(seconds.items(), key=lambda item: item[1]))


async def _replay(api: AsyncApi, recording: Recording, number: int, uid: str) -> None:
    for write in recording.of(number, uid):
        await api.send(write.method, write.path, write.body, write.content_type)
