"""Waiting for a condition with a deadline, for asynchronous code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.1


async def until(
    holds: Callable[[], bool | Awaitable[bool]], longest: float, poll: float = POLL_SECONDS
) -> None:
    """Wait until a condition holds.

    Args:
        holds: tells it, at once or when awaited.
        longest: seconds.
        poll: seconds from one look to the next.

    Raises:
        TimeoutError: it does not hold in time.
    """
    async with asyncio.timeout(longest):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(poll)
