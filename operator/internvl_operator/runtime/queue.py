"""A deduplicating work queue with delays and a backoff per key, modelled on the one in Kubernetes's client-go.

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

    Example:
        A worker takes a key and reports how the work on it ended::

            key = await queue.get()
            try:
                await reconcile(key)
            except ClusterError:
                queue.retry(key)
            else:
                queue.forget(key)
            finally:
                queue.done(key)
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._ready: deque[Key] = deque()
        # The keys to be worked on, with the time since when. One that a worker has now is not in _ready.
        self._dirty: dict[Key, float] = {}
        self._active: set[Key] = set()
        # A heap of delayed keys by their times. An entry counts only if _due has the same time for its key.
        self._delayed: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._order = count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._dirty)

    @property
    def oldest_seconds(self) -> float:
        """Seconds for which the oldest key has been waiting for a worker; 0 when none waits."""
        return self._clock() - min(self._dirty.values()) if self._dirty else 0.0

    def add(self, key: Key, after: float = 0.0) -> None:
        """Enqueue a key, or enqueue it after some seconds; of several delays the shortest counts."""
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
        """Wait for a key and return it. No other worker gets the key until ``done`` is called with it."""
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
        """Mark the work on a key as ended. A key that was added in the meantime becomes ready again."""
        self._active.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._changed.set()

    def retry(self, key: Key, at_least: float = 0.0, at_most: float = LONGEST_BACKOFF_SECONDS) -> float:
        """Requeue a key after a backoff that doubles with each failure, and return the delay in seconds.

        Args:
            key: the key whose reconciliation failed.
            at_least: seconds that the API server asked to wait (Retry-After); the backoff is added to them.
            at_most: the longest backoff, in seconds.
        """
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(FIRST_BACKOFF_SECONDS * 2.0 ** (failures - 1), at_most)
        delay = at_least + longest * (0.5 + self._random() / 2)
        self.add(key, delay)
        return delay

    def failures(self, key: Key) -> int:
        """Return how often in a row a key was tried in vain."""
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Reset the backoff of a key whose reconciliation succeeded."""
        self._failures.pop(key, None)

    def _make_ready(self, key: Key) -> None:
        if key in self._dirty:
            return
        self._dirty[key] = self._clock()
        if key not in self._active:
            self._ready.append(key)

    def _release_due(self) -> float | None:
        """Make the delayed keys ready that are due; return the seconds until the next one is due, if any."""
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
