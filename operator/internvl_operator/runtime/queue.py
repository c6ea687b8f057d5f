"""A deduplicating work queue with delays and per-key backoff, after the one of Kubernetes's client-go.

A key that is added many times before it is taken is taken once. A key that is added while it is being worked on
is taken again afterwards, and never by two workers at once.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from internvl_operator.kube.port import Key

FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 300.0


class WorkQueue:
    """Keys to reconcile.

    Args:
        clock: monotonic seconds.
        random: numbers from 0 to 1, for the jitter of the backoff.
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._ready: deque[Key] = deque()
        self._dirty: dict[Key, float] = {}
        self._active: set[Key] = set()
        self._delayed: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._order = count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._dirty)

    @property
    def oldest_seconds(self) -> float:
        """Seconds for which the oldest key has been ready to be worked on."""
        return self._clock() - min(self._dirty.values()) if self._dirty else 0.0

    def add(self, key: Key, after: float = 0.0) -> None:
        """Ask for a key to be worked on, at the earliest after some seconds; an earlier time wins."""
        if after <= 0:
            self._due.pop(key, None)
            self._make_ready(key)
        elif key not in self._dirty:
            due = self._clock() + after
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._delayed, (due, next(self._order), key))
        self._changed.set()

    async def get(self) -> Key:
        """Return the next key; it is active until ``done``."""
        while True:
            wait = self._release_due()
            if self._ready:
                key = self._ready.popleft()
                del self._dirty[key]
                self._active.add(key)
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """Say that the work on a key has ended; if it was added meanwhile, it is ready again."""
        self._active.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._changed.set()

    def retry(self, key: Key, at_least: float = 0.0, at_most: float = LONGEST_BACKOFF_SECONDS) -> float:
        """Ask for a key again after a backoff that doubles with each failure; return its seconds.

        Args:
            key: what failed.
            at_least: seconds that the API asked to wait, to which the backoff is added.
            at_most: the longest backoff, in seconds.
        """
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(FIRST_BACKOFF_SECONDS * 2.0 ** (failures - 1), at_most)
        delay = at_least + longest * (0.5 + self._random() / 2)
        self.add(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """Say that the work on a key went well, which ends its backoff."""
        self._failures.pop(key, None)

    def _make_ready(self, key: Key) -> None:
        if key in self._dirty:
            return
        self._dirty[key] = self._clock()
        if key not in self._active:
            self._ready.append(key)

    def _release_due(self) -> float | None:
        """Make the delayed keys ready whose time has come; return the seconds until the next, if any."""
        now = self._clock()
        while self._delayed:
            due, _, key = self._delayed[0]
            if self._due.get(key) != due:
                heapq.heappop(self._delayed)
            elif due <= now:
                heapq.heappop(self._delayed)
                del self._due[key]
                self._make_ready(key)
            else:
                return due - now
        return None
