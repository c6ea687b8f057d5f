"""What passes between the operator and the API server: counted, and disturbed by whoever does so at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.disturbances.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from tests.cluster.apiserver.proxy import Exchange

    Disturb = Callable[[Exchange], Awaitable[web.StreamResponse | None]]


async def nothing(_: Exchange) -> web.StreamResponse | None:
    """Disturb no request."""
    return None


class Traffic:
    """Answers the operator's requests.

    Attributes:
        disturb: answers a request in its own way, or leaves it to be answered truly.
        watches: the operator's.
        writes: requests so far that asked to change something, whatever became of them.
    """

    def __init__(self) -> None:
        self.disturb: Disturb = nothing
        self.watches = Watches()
        self.writes = 0
        self._under_way = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request but watches is under way."""
        return self._under_way == 0

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        """Answer one request."""
        self.writes += exchange.is_write
        self._under_way += not exchange.is_watch
        try:
            answered = await self.disturb(exchange)
            if answered is not None:
                return answered
            return await (self.watches(exchange) if exchange.is_watch else exchange.pass_on())
        finally:
            self._under_way -= not exchange.is_watch
