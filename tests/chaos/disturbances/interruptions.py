"""Disturbances of processes: the operator, the API server and etcd are killed, paused and started again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.chaos.disturbances.disturbance import Disturbance
from tests.cluster.apiserver.proxy import AfterEachWrite

if TYPE_CHECKING:
    from aiohttp import web

    from tests.chaos.scenario import Stage
    from tests.chaos.stand import Stand
    from tests.cluster.apiserver.proxy import Exchange

PAUSE_SECONDS = 2.0
WRITES_PER_OUTAGE = 24
"""Each of three resources is tried eight times, by a backoff that doubles, until the API server answers after 10 s."""


class Kill(Disturbance):
    """Kills the operator when the API server has done its k-th write, before it gets the answer; starts another.

    Args:
        kth: counted from the beginning of the run.
    """

    def __init__(self, kth: int) -> None:
        super().__init__()
        self._kth = kth
        self._answer = AfterEachWrite(self._written)
        self._revival: asyncio.Task[None] | None = None

    async def begin(self, stand: Stand) -> None:
        self._stand = stand

    async def __call__(self, exchange: Exchange) -> web.StreamResponse | None:
        return await self._answer(exchange) if exchange.is_write else None

    async def end(self, stand: Stand) -> None:  # noqa: ARG002
        if self._revival is not None:
            await self._revival

    async def _written(self, writes: int) -> None:
        if writes == self._kth:
            # A task of its own: this one is cancelled with the operator's connection.
            self._revival = asyncio.create_task(self._kill_and_revive())
            await asyncio.shield(self._revival)

    async def _kill_and_revive(self) -> None:
        await asyncio.to_thread(self._stand.operator.kill)
        self.injected["SIGKILL"] += 1
        await self._stand.start_operator()


class Pause(Disturbance):
    """Stops the operator (SIGSTOP) amid its writes of each stage, and lets it go on."""

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        stand.operator.suspend()
        self.injected["SIGSTOP"] += 1
        await asyncio.sleep(PAUSE_SECONDS)
        stand.operator.resume()


class Outage(Disturbance):
    """Kills a process of the control plane while the operator writes, in each stage, and starts it again.

    The controllers start again too, as they do when their Lease could not be renewed. A garbage collector that goes on
    has lost the kinds of CRDs for a while, and never hears of what was deleted meanwhile.

    Args:
        process: its name.
    """

    allowance = WRITES_PER_OUTAGE

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        process = stand.cluster.processes[self._process]
        await asyncio.to_thread(process.kill)
        self.injected[f"{self._process} stopped"] += 1
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(stand.restart_controllers)


class StartAmid(Disturbance):
    """Starts the operator anew while another disturbance goes on: its first lists and watches are hit too.

    Args:
        other: what goes on.
    """

    def __init__(self, other: Disturbance) -> None:
        super().__init__()
        self._other = other
        self.injected = other.injected

    async def __call__(self, exchange: Exchange) -> web.StreamResponse | None:
        return await self._other(exchange)

    async def begin(self, stand: Stand) -> None:
        await stand.start_operator(wait=False)
