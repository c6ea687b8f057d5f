"""The gate that every write passes: open while this process leads, and closed by time alone.

Nothing outside the API server can rule out a write that is late by the instant between the last look at the clock
and the system call. What is ruled out is a write after a pause: the clock is read when the request is made and
again when its bytes go out.

Why: docs/design/005-write-fence.md
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from internvl_operator.kube.port import NotLeaderError


def unpausable_clock() -> float:
    """Return seconds that go on while the process is stopped and, where the system can, while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Fence:
    """Lets writes through while it is open.

    Args:
        clock: seconds that go on while the process is paused.
    """

    def __init__(self, clock: Callable[[], float] = unpausable_clock) -> None:
        self._clock = clock
        self._starts_until = -inf
        self._ends_until = -inf
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def open(self, starts_until: float = inf, ends_until: float = inf) -> None:
        """Let writes start until one reading of the clock; they have to have ended at another."""
        self._starts_until = starts_until
        self._ends_until = ends_until

    def close(self) -> None:
        """Let no write start any more."""
        self._starts_until = -inf

    @property
    def is_open(self) -> bool:
        """Whether a write may start now."""
        return self._clock() < self._starts_until

    def check(self) -> None:
        """Return if a write may go out now.

        Raises:
            NotLeaderError: it may not.
        """
        if not self.is_open:
            raise NotLeaderError("this process does not lead, or not any more: nothing was written")

    @contextmanager
    def write(self) -> Iterator[float]:
        """Pass the gate for the time of one write, which has to end within the seconds that are given.

        Raises:
            NotLeaderError: no write may start.
        """
        self.check()
        self._in_flight += 1
        self._idle.clear()
        try:
            yield self._ends_until - self._clock()
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def drain(self) -> None:
        """Let no write start any more, and wait until those that have started have ended."""
        self.close()
        await self._idle.wait()


def open_fence() -> Fence:
    """Return a fence that lets every write through."""
    fence = Fence()
    fence.open()
    return fence
