"""Faults of single requests: who is hit is a schedule's business, and how is a fault's."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from tests.cluster.apiserver.proxy import drop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from tests.cluster.apiserver.proxy import Exchange

    Fault = Callable[[Exchange], Awaitable[web.StreamResponse | None]]
    Schedule = Callable[[Exchange], bool]

_REASONS = {
    409: "Conflict",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
SLOW_SECONDS = 0.5


def every_request(_: Exchange) -> bool:
    """Hit all requests."""
    return True


class EveryWrite:
    """Hits every n-th write.

    Args:
        nth: 1 hits all.
        most: so many at the most.
    """

    def __init__(self, nth: int, most: int | None = None) -> None:
        self._nth = nth
        self._most = most
        self._writes = 0

    def __call__(self, exchange: Exchange) -> bool:
        if not exchange.is_write:
            return False
        self._writes += 1
        number, rest = divmod(self._writes, self._nth)
        return rest == 0 and (self._most is None or number <= self._most)


class ShareOfRequests:
    """Hits a share of all requests, reads and watches too, by chance.

    Args:
        share: from 0 to 1.
        random: makes it the same in every run with the same requests.
    """

    def __init__(self, share: float, random: Random) -> None:
        self._share = share
        self._random = random

    def __call__(self, exchange: Exchange) -> bool:  # noqa: ARG002
        return self._random.random() < self._share


def answered(code: int, headers: Mapping[str, str] | None = None) -> Fault:
    """Return a fault: the API server never sees the request, and the answer is an error."""

    async def answer(_: Exchange) -> web.StreamResponse:
        return _refusal(code, headers)

    return answer


def answered_after(code: int) -> Fault:
    """Return a fault: the API server does what it is asked, and the answer is an error all the same.

    A watch, whose answer has no end, is not begun.
    """

    async def answer(exchange: Exchange) -> web.StreamResponse:
        if not exchange.is_watch:
            async with exchange.forward() as done:
                await done.read()
        return _refusal(code)

    return answer


async def cut_in_half(exchange: Exchange) -> web.StreamResponse:
    """Do what is asked, pass on half of the answer, and close the connection; a watch is not begun."""
    if exchange.is_watch:
        return drop(exchange.request)
    async with exchange.forward() as answer:
        body = await answer.read()
        response = await exchange.begin(answer)
        await response.write(body[: len(body) // 2])
        return drop(exchange.request)


async def never_asked(exchange: Exchange) -> web.StreamResponse:
    """Keep the request and never answer; it ends when the client gives up."""
    await asyncio.Event().wait()
    return drop(exchange.request)


async def never_answered(exchange: Exchange) -> web.StreamResponse:
    """Do what is asked and never say so; a watch is not begun."""
    if exchange.is_watch:
        return await never_asked(exchange)
    async with exchange.forward() as answer:
        await answer.read()
    return await never_asked(exchange)


async def slowly(_: Exchange) -> None:
    """Answer truly, late."""
    await asyncio.sleep(SLOW_SECONDS)


class Injector:
    """Answers with a fault where the schedule says so, and truly elsewhere.

    Args:
        schedule: which requests are hit.
        faults: by name; they take turns.
    """

    def __init__(self, schedule: Schedule, faults: Mapping[str, Fault]) -> None:
        self._schedule = schedule
        self._faults = list(faults.items())
        self.injected: Counter[str] = Counter()

    async def __call__(self, exchange: Exchange) -> web.StreamResponse | None:
        """Answer one request, or return None: it is answered truly."""
        if not self._schedule(exchange):
            return None
        name, fault = self._faults[self.injected.total() % len(self._faults)]
        self.injected[name] += 1
        return await fault(exchange)


def _refusal(code: int, headers: Mapping[str, str] | None = None) -> web.Response:
    reason = _REASONS[code]
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"a fault that was injected: {reason}",
        "reason": reason,
        "code": code,
    }
    return web.json_response(status, status=code, headers=headers)
