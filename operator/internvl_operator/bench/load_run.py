"""Keeps a load on a model while its requests are timed.

The load stays on until the last request of the measured part is answered: what follows it is as busy as what went
before. Then the connections of the rest are closed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from internvl_operator.bench.completion_stream import Answer, RequestFailedError
from internvl_operator.bench.offered_load import OfferedLoad

_PAUSE_AFTER_FAILURE_SECONDS = 0.2
"""Before a client of a closed loop asks again; a server that refuses would be asked as fast as it can."""


@dataclass(frozen=True, slots=True)
class Timing:
    """An answered request; times in seconds.

    Args:
        due: when it was to be sent. It counts from here, as its user does, also where this program was late.
        sent: when it was.
        answer: what came.
    """

    due: float
    sent: float
    answer: Answer

    @property
    def first_token_seconds(self) -> float:
        """From the request to the first text."""
        return self.answer.first - self.due

    @property
    def seconds_per_token(self) -> float:
        """Between two tokens, on average."""
        return (self.answer.last - self.answer.first) / max(1, self.answer.output_tokens - 1)

    @property
    def seconds(self) -> float:
        """From the request to the last text."""
        return self.answer.last - self.due


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer."""

    due: float
    kind: str
    message: str


@dataclass(slots=True)
class Observation:
    """What was seen of the requests that were due before the end of the measured part.

    Args:
        begin: of the measured part; what was due before is warm-up.
        end: of the measured part.
        timings: of each answered request.
        failures: the other requests.
    """

    begin: float
    end: float
    timings: list[Timing] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoadRun:
    """How a load is kept on a model.

    Args:
        ask: sends the body of a request and returns the answer, or raises a RequestFailedError.
        bodies: of the requests, which are sent in turn.
        warm_up: seconds before the measured part.
        seconds: of the measured part.
        random: decides when the requests of an open loop arrive.
        clock: monotonic seconds.
        sleep: waits for some seconds of that clock.
    """

    ask: Callable[[bytes], Awaitable[Answer]]
    bodies: Sequence[bytes]
    warm_up: float
    seconds: float
    random: Random
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def observe(self, load: OfferedLoad) -> Observation:
        """Keep a load on the model and return what was seen."""
        begin = self.clock() + self.warm_up
        requests = _Requests(self, Observation(begin, begin + self.seconds))
        async with _background() as start:
            if load.requests_per_second is not None:
                start(self._arrivals(load.requests_per_second, requests, start))
            else:
                concurrency = load.concurrency or 1
                for number in range(concurrency):
                    # Answers of one length would come in waves if all were asked at once.
                    start(self._client(self.warm_up / 2 * number / concurrency, requests))
            await self.sleep(requests.seen.end - self.clock())
            await requests.answered()
        return requests.seen

    async def _arrivals(
        self, rate: float, requests: "_Requests", start: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        """Send requests at random moments, whether or not earlier ones are answered: a Poisson process."""
        due = self.clock()
        while True:
            due += self.random.expovariate(rate)
            if (wait := due - self.clock()) > 0:
                await self.sleep(wait)
            start(requests.send(due))

    async def _client(self, delay: float, requests: "_Requests") -> None:
        """Send a request whenever the one before is answered."""
        await self.sleep(delay)
        while True:
            failures = len(requests.seen.failures)
            await requests.send(self.clock())
            if len(requests.seen.failures) > failures:
                await self.sleep(_PAUSE_AFTER_FAILURE_SECONDS)


class _Requests:
    """The requests of a run: those under way, and what was seen of the others."""

    def __init__(self, run: LoadRun, seen: Observation) -> None:
        self.seen = seen
        self._run = run
        self._turns = count()
        self._due: dict[int, float] = {}
        self._ended = asyncio.Event()

    async def send(self, due: float) -> None:
        """Send a request, and note how it ends."""
        turn = next(self._turns)
        self._due[turn] = due
        sent = self._run.clock()
        try:
            answer = await self._run.ask(self._run.bodies[turn % len(self._run.bodies)])
        except RequestFailedError as error:
            if due < self.seen.end:
                self.seen.failures.append(Failure(due, error.kind, str(error)))
        else:
            if due < self.seen.end:
                self.seen.timings.append(Timing(due, sent, answer))
        finally:
            del self._due[turn]
            self._ended.set()

    async def answered(self) -> None:
        """Wait until every request that was due in the measured part, or before, has ended."""
        while any(due < self.seen.end for due in self._due.values()):
            self._ended.clear()
            await self._ended.wait()


@asynccontextmanager
async def _background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Yield a function that starts a task; all end with the context, and an error of one is raised there."""
    tasks: set[asyncio.Task[None]] = set()
    errors: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            errors.append(error)

    def start(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(ended)

    try:
        yield start
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if errors:
        raise errors[0]
