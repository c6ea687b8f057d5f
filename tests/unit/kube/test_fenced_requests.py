"""A write asks the fence when it is made and again when its bytes go out: the process may be paused in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import SERVICE
from internvl_operator.kube.leader_election.fence import Fence
from internvl_operator.kube.port import NotLeaderError, UnavailableError

MANIFEST = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "captions", "namespace": "vision"}}


class Server:
    """An API server that notes what reaches it, and answers, or not, as told."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.answers = True
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.methods.append(request.method)
        await request.read()
        if not self.answers:
            await asyncio.Event().wait()
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ((address, port),) = runner.addresses
    server.url = f"http://{address}:{port}"
    yield server
    await runner.cleanup()


def client(server: Server, fence: Fence) -> KubernetesClient:
    return KubernetesClient(lambda: Credentials(server.url), fence=fence)


async def test_nothing_is_written_before_this_process_leads_but_lists_are_read(server: Server) -> None:
    async with client(server, Fence()) as cluster:
        with pytest.raises(NotLeaderError):
            await cluster.apply(MANIFEST, uid="uid-1")
        await cluster.list(SERVICE)
    assert server.methods == ["GET"]


async def test_a_write_that_was_begun_before_a_pause_does_not_go_out_after_it(server: Server) -> None:
    readings = iter([0.0, 0.0])
    # The request is made at 0; when its connection stands, an hour has passed.
    fence = Fence(lambda: next(readings, 3600.0))
    fence.open(starts_until=9.0, ends_until=12.0)
    async with client(server, fence) as cluster:
        with pytest.raises(NotLeaderError):
            await cluster.apply(MANIFEST, uid="uid-1")
    assert server.methods == []


async def test_a_write_that_is_not_answered_is_given_up_before_another_may_lead(server: Server) -> None:
    server.answers = False
    fence = Fence(lambda: 0.0)
    fence.open(starts_until=1.0, ends_until=2.0)
    async with client(server, fence) as cluster:
        with pytest.raises(UnavailableError):
            await cluster.apply(MANIFEST, uid="uid-1")
    assert server.methods == ["PATCH"]
