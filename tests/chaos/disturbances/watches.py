"""The operator's watches, held back, ended or cut on command."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.cluster.apiserver.proxy import drop

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp import web

    from internvl_operator.kube.port import Kind
    from tests.cluster.apiserver.proxy import Exchange

HALF_AN_EVENT = b'{"type":"MODIFIED","object":{"apiVersion":"v1","ki'
EXPIRED = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)


class Watches:
    """Passes watches on, event by event."""

    def __init__(self) -> None:
        self._held: tuple[str, ...] = ()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.Future[bytes]] = set()
        self._expired = False

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        """Answer a request for a watch."""
        held = self._holds(exchange)
        await self._let_flow(exchange)
        async with exchange.forward() as answer:
            response = await exchange.begin(answer)
            if held and self._expired:
                await response.write(EXPIRED)
                await response.write_eof()
                return response
            return await self._relay(exchange, answer, response)

    @property
    def count(self) -> int:
        """Watches that are open."""
        return len(self._open)

    def hold(self, kinds: Collection[Kind] = ()) -> None:
        """Let no event through, and answer no new watch.

        Args:
            kinds: whose watches; none: all.
        """
        self._held = tuple(f"/{kind.plural}" for kind in kinds) or ("",)
        self._flowing.clear()

    def release(self, *, expired: bool = False) -> None:
        """Let events through again.

        Args:
            expired: whether the watches that came meanwhile are told that their version is too old.
        """
        self._expired = expired
        self._held = ()
        self._flowing.set()

    def end(self, last: bytes = b"") -> int:
        """End all watches that are open, and return their number.

        Args:
            last: sent before; half an event cuts the connection.
        """
        ended, self._open = self._open, set()
        for watch in ended:
            watch.set_result(last)
        return len(ended)

    def _holds(self, exchange: Exchange) -> bool:
        return bool(self._held) and exchange.request.path.endswith(self._held)

    async def _let_flow(self, exchange: Exchange) -> None:
        while self._holds(exchange):
            await self._flowing.wait()

    async def _relay(
        self, exchange: Exchange, answer: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> web.StreamResponse:
        end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open.add(end)
        passing: asyncio.Future[None] = asyncio.ensure_future(self._pass_events(exchange, answer, response))
        ends: list[asyncio.Future[Any]] = [passing, end]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(end)
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)
        with suppress(ConnectionError, aiohttp.ClientError):
            if end.done() and end.result():
                await response.write(end.result())
            if end.done() and end.result() == HALF_AN_EVENT:
                return drop(exchange.request)
            await response.write_eof()
        return response

    async def _pass_events(
        self, exchange: Exchange, answer: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        pending = b""
        async for chunk in answer.content.iter_any():
            events, newline, pending = (pending + chunk).rpartition(b"\n")
            if newline:
                await self._let_flow(exchange)
                await response.write(events + newline)
