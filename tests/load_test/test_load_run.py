"""A load is kept up as it was asked for, and what is measured is what users of the model would see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from internvl_operator.bench.completion_stream import Answer, RequestFailedError
from internvl_operator.bench.latency_figures import NoAnswerError, Percentiles, figures
from internvl_operator.bench.load_run import LoadRun, Observation
from internvl_operator.bench.offered_load import OfferedLoad
from tests.load_test.virtual_time import run

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS = 11


@dataclass
class Server:
    """Answers in virtual time: one place for each request that it computes at once, the others wait.

    Args:
        first: seconds to the first token, once there is a place.
        token: seconds between two tokens.
        places: requests that are computed at once.
        refuses: says of a request's number whether it is refused.
    """

    first: float = 0.5
    token: float = 0.1
    places: int = 1000
    refuses: Callable[[int], bool] = lambda _: False
    arrivals: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    bodies: list[bytes] = field(default_factory=list)
    abandoned: int = 0

    def __post_init__(self) -> None:
        self.room = asyncio.Semaphore(self.places)

    async def ask(self, body: bytes) -> Answer:
        clock = asyncio.get_running_loop().time
        self.arrivals.append(clock())
        self.bodies.append(body)
        number = len(self.arrivals)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.refuses(number):
                raise RequestFailedError("HTTP 503", "the server answers 503: busy")
            async with self.room:
                await asyncio.sleep(self.first)
                first = clock()
                await asyncio.sleep((TOKENS - 1) * self.token)
                return Answer(first, clock(), 300, TOKENS)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self.in_flight -= 1


def observe(
    server: Server, load: OfferedLoad, *, warm_up: float = 10.0, seconds: float = 30.0, seed: int = 0
) -> Observation:
    async def observed() -> Observation:
        clock = asyncio.get_running_loop().time
        kept = LoadRun(server.ask, [b"a", b"b", b"c"], warm_up, seconds, Random(seed), clock)
        return await kept.observe(load)

    return run(observed())


def test_a_closed_loop_keeps_as_many_requests_in_flight_as_asked() -> None:
    server = Server()
    found = figures(observe(server, OfferedLoad(concurrency=6)))
    assert server.most_in_flight == 6
    assert found.in_flight == pytest.approx(6, rel=1e-3)
    assert found.requests_per_second == pytest.approx(6 / 1.5, rel=1e-3)
    assert found.output_tokens_per_second == pytest.approx(TOKENS * 6 / 1.5, rel=1e-3)


def test_the_clients_of_a_closed_loop_begin_one_after_the_other() -> None:
    server = Server()
    observe(server, OfferedLoad(concurrency=5))
    # One each second, in half of the warm-up; and each again when it is answered, after 1.5 s.
    assert server.arrivals[:6] == pytest.approx([0, 1, 1.5, 2, 2.5, 3])


def test_the_arrivals_of_an_open_loop_are_a_poisson_process_of_the_rate() -> None:
    server = Server()
    observe(server, OfferedLoad(requests_per_second=20.0), seconds=400)
    gaps = [later - earlier for earlier, later in zip(server.arrivals, server.arrivals[1:], strict=False)]
    assert fmean(gaps) == pytest.approx(1 / 20, rel=0.05)
    # Of an exponential distribution, 1/e of the gaps are longer than the mean.
    assert sum(gap > 1 / 20 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_the_same_seed_makes_the_same_arrivals_and_another_seed_others() -> None:
    arrivals = []
    for seed in (1, 1, 2):
        server = Server()
        observe(server, OfferedLoad(requests_per_second=3.0), seed=seed)
        arrivals.append(server.arrivals)
    assert arrivals[0] == arrivals[1] != arrivals[2]


def test_an_open_loop_asks_whether_or_not_the_model_keeps_up() -> None:
    """Half of what arrives is answered in time: the queue, and with it the wait, grows."""
    server = Server(first=0.0, token=0.1, places=2)
    found = figures(observe(server, OfferedLoad(requests_per_second=4.0)))
    assert server.most_in_flight > 40
    assert found.ttft.p95 > 5


def test_times_are_those_of_the_requests_and_the_warm_up_does_not_count() -> None:
    slow_first = Server(first=0.5, token=0.1)
    found = figures(observe(slow_first, OfferedLoad(concurrency=2)))
    assert found.ttft == Percentiles(0.5, 0.5, 0.5)
    assert found.per_token == Percentiles(0.1, 0.1, 0.1)
    assert found.request == Percentiles(1.5, 1.5, 1.5)
    assert found.prompt_tokens == 300
    assert found.late == 0

    seen = observe(Server(refuses=lambda number: number <= 20), OfferedLoad(concurrency=2))
    assert {failure.due < seen.begin for failure in seen.failures} == {True}
    assert figures(seen).failures == {}


def test_every_request_of_the_measured_part_is_waited_for_and_the_load_stays_on_meanwhile() -> None:
    server = Server(first=5.0, token=2.0)
    seen = observe(server, OfferedLoad(requests_per_second=2.0), warm_up=0, seconds=10)
    assert [timing.seconds for timing in seen.timings] == pytest.approx([25.0] * len(seen.timings))
    assert max(timing.due for timing in seen.timings) < seen.end
    assert max(timing.answer.last for timing in seen.timings) > seen.end + 10
    assert max(server.arrivals) > seen.end + 10
    assert server.abandoned > 0


def test_a_rate_does_not_depend_on_where_the_window_cuts_a_wave() -> None:
    """Each of 4 requests takes 8 s: counted at their ends, 10 s hold one wave or two."""
    server = Server(first=8.0, token=0.0)
    rates = [
        figures(observe(server, OfferedLoad(concurrency=4), warm_up=warm_up, seconds=10)).requests_per_second
        for warm_up in (20, 22, 24, 26)
    ]
    assert rates == pytest.approx([0.5] * 4)


def test_failures_are_counted_by_kind_and_a_client_that_is_refused_pauses() -> None:
    server = Server(refuses=lambda number: number % 4 == 0)
    found = figures(observe(server, OfferedLoad(concurrency=4)))
    assert set(found.failures) == {"HTTP 503"}
    assert found.failures["HTTP 503"] == pytest.approx(found.requests / 3, rel=0.1)

    refusing = Server(refuses=lambda _: True)
    seen = observe(refusing, OfferedLoad(concurrency=1), seconds=10)
    assert len(refusing.arrivals) <= 101
    with pytest.raises(NoAnswerError, match=r"no request was answered; \d+ of \d+ failed like this: .* busy"):
        figures(seen)


def test_nothing_due_is_told() -> None:
    seen = observe(Server(), OfferedLoad(requests_per_second=0.001), warm_up=0, seconds=1)
    with pytest.raises(NoAnswerError, match="measure longer, or at a higher rate"):
        figures(seen)


def test_a_request_that_is_sent_late_counts_from_when_it_was_due() -> None:
    """This program may be too slow: what it makes a request wait is not hidden, and is told."""

    async def observed() -> Observation:
        loop = asyncio.get_running_loop()
        late = 0.0

        async def sleep(seconds: float) -> None:
            nonlocal late
            late += 0.25
            await asyncio.sleep(seconds + (0.25 if seconds < 10 else 0))

        kept = LoadRun(Server().ask, [b"a"], 0.0, 30.0, Random(0), loop.time, sleep)
        return await kept.observe(OfferedLoad(requests_per_second=1.0))

    found = figures(run(observed()))
    assert found.late == pytest.approx(0.25, abs=0.05)
    assert found.ttft.p50 == pytest.approx(0.75, abs=0.05)


def test_an_error_of_the_program_is_not_lost() -> None:
    async def ask(_: bytes) -> Answer:
        raise ZeroDivisionError

    async def observed() -> Observation:
        clock = asyncio.get_running_loop().time
        return await LoadRun(ask, [b"a"], 0.0, 1.0, Random(0), clock).observe(OfferedLoad(concurrency=1))

    with pytest.raises(ZeroDivisionError):
        run(observed())


def test_the_bodies_are_sent_in_turn() -> None:
    server = Server()
    observe(server, OfferedLoad(concurrency=1))
    assert server.bodies[:4] == [b"a", b"b", b"c", b"a"]


@pytest.mark.parametrize(
    ("values", "percentiles"),
    [([1.0], (1, 1, 1)), ([3.0, 1.0, 2.0], (2, 3, 3)), (list(map(float, range(1, 101))), (50, 95, 99))],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], percentiles: tuple[float, ...]) -> None:
    assert Percentiles.of(values) == Percentiles(*percentiles)
