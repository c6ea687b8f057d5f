"""Sends requests to a model at a given load, and times the answers.

A run has a warm-up and a measured part. Requests go on being sent after the measured part, until the last request of
the measured part is answered: else the slowest answers would come from a server that is less busy. Requests that are
still in flight then are cancelled.
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
"""How long a client of a closed loop waits after a failure: else it would flood a server that refuses at once."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a request that was answered, in seconds of the run's clock.

    Args:
        due: when the request should have been sent. Latencies count from here, so that a delay of this program is not
            hidden (coordinated omission).
        sent: when the request was sent.
        answer: the answer, with the times of its first and last text.
    """

    due: float
    sent: float
    answer: Answer

    @property
    def first_token_seconds(self) -> float:
        """Time to first token: from ``due`` to the first text."""
        return self.answer.first - self.due

    @property
    def seconds_per_token(self) -> float:
        """Mean time between two tokens of the answer."""
        return (self.answer.last - self.answer.first) / max(1, self.answer.output_tokens - 1)

    @property
    def seconds(self) -> float:
        """From ``due`` to the last text."""
        return self.answer.last - self.due


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer.

    Args:
        due: when the request should have been sent, in seconds of the run's clock.
        kind: a short name of what went wrong, by which failures are counted.
        message: the whole error.
    """

    due: float
    kind: str
    message: str


@dataclass(slots=True)
class Observation:
    """The outcome of every request that was due before the end of the measured part.

    Args:
        begin: when the measured part began, in seconds of the run's clock; requests due earlier are warm-up.
        end: when the measured part ended.
        timings: one for each answered request.
        failures: one for each request without an answer.
    """

    begin: float
    end: float
    timings: list[Timing] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run of a load against a model.

    Args:
        ask: sends the body of a request and returns the answer, or raises a RequestFailedError.
        bodies: the bodies of the requests, sent one after another and then from the first again.
        warm_up: length of the warm-up before the measured part, in seconds.
        seconds: length of the measured part, in seconds.
        random: draws the intervals between the requests of an open loop.
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
        """Send requests at a load, and return what was observed.

        The load is either a rate, at which requests arrive whatever the server does (open loop), or a concurrency:
        so many clients, each of which waits for its answer before it asks again (closed loop).
        """
        begin = self.clock() + self.warm_up
        requests = _Requests(self, Observation(begin, begin + self.seconds))
        async with _background() as start:
            if load.requests_per_second is not None:
                start(self._open_loop(load.requests_per_second, requests, start))
            else:
                concurrency = load.concurrency or 1
                for number in range(concurrency):
                    # Clients that all began at once would stay in step, and load the server in waves.
                    start(self._closed_loop_client(self.warm_up / 2 * number / concurrency, requests))
            await self.sleep(requests.seen.end - self.clock())
            await requests.measured_part_ended()
        return requests.seen

    async def _open_loop(
        self, rate: float, requests: "_Requests", start: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        """Send requests as a Poisson process, whether or not earlier requests are answered."""
        due = self.clock()
        while True:
            due += self.random.expovariate(rate)
            if (wait := due - self.clock()) > 0:
                await self.sleep(wait)
            start(requests.send(due))

    async def _closed_loop_client(self, delay: float, requests: "_Requests") -> None:
        """Send a request, and the next one when it is answered."""
        await self.sleep(delay)
        while True:
            failures = len(requests.seen.failures)
            await requests.send(self.clock())
            if len(requests.seen.failures) > failures:
                await self.sleep(_PAUSE_AFTER_FAILURE_SECONDS)


class _Requests:
    """The requests of a run: those in flight, and the outcomes of those that have ended."""

    def __init__(self, run: LoadRun, seen: Observation) -> None:
        self.seen = seen
        self._run = run
        self._turns = count()
        self._due: dict[int, float] = {}
        self._ended = asyncio.Event()

    async def send(self, due: float) -> None:
        """Send the next request, and record its outcome if it was due before the end of the measured part."""
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

    async def measured_part_ended(self) -> None:
        """Wait until every request that was due before the end of the measured part is answered or has failed."""
        while any(due < self.seen.end for due in self._due.values()):
            self._ended.clear()
            await self._ended.wait()


@asynccontextmanager
async def _background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Yield a function that starts a task. At the end of the context all tasks are cancelled.

    Raises:
        Exception: the first exception of a task, at the end of the context.
    """
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
