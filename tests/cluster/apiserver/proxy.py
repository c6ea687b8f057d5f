"""A proxy between the operator and the API server, which can act on every request.

It speaks HTTP to the operator and HTTPS to the API server, and passes the caller's credentials on.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

import aiohttp
import yaml
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from tests.cluster.control_plane import LocalCluster

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})
_LARGEST_BODY = 16 * 2**20


class Exchange:
    """One request of the client, and the ways to answer it.

    Args:
        request: what the client asks.
        body: of the request.
        session: reaches the API server.
        server: URL of the API server.
    """

    def __init__(
        self, request: web.Request, body: bytes, session: aiohttp.ClientSession, server: str
    ) -> None:
        self.request = request
        self.body = body
        self._session = session
        self._server = server

    @property
    def is_write(self) -> bool:
        """Whether the request asks to change something."""
        return self.request.method in WRITES

    @property
    def is_watch(self) -> bool:
        """Whether the answer is a stream of events that lasts."""
        return self.request.query.get("watch") in ("true", "1")

    @asynccontextmanager
    async def forward(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask the API server; the answer is read by the caller."""
        async with self._session.request(
            self.request.method,
            self._server + self.request.path_qs,
            data=self.body or None,
            headers=_end_to_end(self.request.headers.items()),
        ) as answer:
            yield answer

    async def begin(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass status and headers of an answer to the client; the caller writes the body."""
        response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers.items()))
        await response.prepare(self.request)
        return response

    async def relay(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass an answer to the client as it comes in."""
        response = await self.begin(answer)
        with suppress(ConnectionError, aiohttp.ClientError):
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
        return response

    async def pass_on(self) -> web.StreamResponse:
        """Ask the API server and pass its answer on."""
        async with self.forward() as answer:
            return await self.relay(answer)


class ApiProxy:
    """An HTTP proxy to one API server; use it as an asynchronous context manager.

    Args:
        cluster: the API server's cluster.
        user: whose kubeconfig is written for the proxy's address.
        respond: answers each request.
    """

    def __init__(
        self,
        cluster: LocalCluster,
        user: str,
        respond: Callable[[Exchange], Awaitable[web.StreamResponse]] = Exchange.pass_on,
    ) -> None:
        self._cluster = cluster
        self._user = user
        self._respond = respond

    async def __aenter__(self) -> Self:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connector = aiohttp.TCPConnector(ssl=trusting, limit=0)
        unlimited = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=unlimited, auto_decompress=False)
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads through the proxy, and return its path."""
        configuration = yaml.safe_load(self._cluster.kubeconfig(self._user).read_text())
        configuration["clusters"][0]["cluster"] = {"server": self.url}
        path.write_text(yaml.safe_dump(configuration))
        return path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request, await request.read(), self._session, self._cluster.server)
        try:
            return await self._respond(exchange)
        except aiohttp.ClientError:
            # The API server is gone: to the client it looks just like that.
            return drop(request)


class AfterEachWrite:
    """Answers requests truly, writes one after the other, and acts between two writes.

    Args:
        act: called with the number of writes so far when the API server has done one, before the answer is
            passed on and before another write is let through.
    """

    def __init__(self, act: Callable[[int], Awaitable[None]]) -> None:
        self._act = act
        self._one_write = asyncio.Lock()
        self.writes = 0

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        """Answer one request."""
        if not exchange.is_write:
            return await exchange.pass_on()
        async with self._one_write, exchange.forward() as answer:
            self.writes += 1
            await self._act(self.writes)
            return await exchange.relay(answer)


def drop(request: web.Request) -> web.StreamResponse:
    """Close the client's connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _end_to_end(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
