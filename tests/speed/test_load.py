"""The load generator keeps its requests in flight, times them, and loses no error."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

import pytest

from tests.speed.conftest import TOKEN_SECONDS
from tests.speed.figures import figures
from tests.speed.requests.arrivals import Arrivals
from tests.speed.requests.load import RequestFailedError, complete, drive, read_stream
from tests.speed.requests.pictures import bodies
from tests.speed.requests.workloads import Workload
from tests.stub.server import MODEL

if TYPE_CHECKING:
    from tests.stub.server import Stubs

TOKENS = 10
SMALL = Workload(width=448, height=448, words=5, output_tokens=TOKENS, in_flight=6)


def test_a_request_is_timed_from_its_first_to_its_last_text(stubs: Stubs) -> None:
    stub = stubs.start(STUB_TOKEN_SECONDS=str(TOKEN_SECONDS))
    timing = complete(stub.port, bodies(SMALL, MODEL, 1)[0])
    assert timing.output_tokens == TOKENS
    assert timing.prompt_tokens > 256, "the image's tile is part of the prompt"
    assert timing.asked < timing.first < timing.last
    assert timing.last - timing.first >= (TOKENS - 1) * TOKEN_SECONDS
    assert timing.token_seconds >= TOKEN_SECONDS


def test_as_many_requests_as_asked_for_are_in_flight(stubs: Stubs) -> None:
    stub = stubs.start(STUB_TOKEN_SECONDS=str(TOKEN_SECONDS))
    seen = drive(stub.port, bodies(SMALL, MODEL, 2), SMALL.in_flight, warm_up=1, seconds=2)
    assert seen.errors == ()
    together = [
        sum(timing.asked <= other.asked <= timing.last for timing in seen.timings) for other in seen.timings
    ]
    assert max(together) == SMALL.in_flight
    assert figures(seen, SMALL.in_flight).requests_per_s > 0


def test_requests_arrive_by_themselves_however_long_the_answers_take(stubs: Stubs) -> None:
    stub = stubs.start(STUB_TOKEN_SECONDS=str(TOKEN_SECONDS))
    seen = drive(stub.port, bodies(SMALL, MODEL, 2), 0, arrivals_per_s=20, warm_up=1, seconds=2)
    assert seen.errors == ()
    asked = sorted(timing.asked for timing in seen.timings)
    assert 30 <= len(asked) <= 90
    gaps = [after - before for before, after in pairwise(asked)]
    # The gaps of a Poisson process deviate by as much as they last, those of a clock by nothing.
    assert 0.5 * fmean(gaps) < pstdev(gaps) < 2 * fmean(gaps)


def test_arrivals_are_the_same_each_time_and_differ_between_processes() -> None:
    one = list(Arrivals(5.0, 1).times(100.0, 300.0))
    assert one == list(Arrivals(5.0, 1).times(100.0, 300.0))
    assert one != list(Arrivals(5.0, 2).times(100.0, 300.0))
    assert all(100 < moment < 300 for moment in one)
    assert len(one) == pytest.approx(1000, rel=0.1)


def test_answers_differ_in_length_by_what_is_asked_for() -> None:
    tokens = [json.loads(body)["max_tokens"] for body in bodies(replace(SMALL, answers_spread=0.5), MODEL)]
    assert fmean(tokens) == pytest.approx(TOKENS, rel=0.05)
    assert (min(tokens), max(tokens)) == (TOKENS / 2, 1.5 * TOKENS)
    assert tokens != sorted(tokens)


def test_a_refused_request_is_an_error_with_the_servers_words(stubs: Stubs) -> None:
    stub = stubs.start()
    wrong = bodies(SMALL, "another-name", 1)
    with pytest.raises(RequestFailedError, match=r"status 404.*another-name"):
        complete(stub.port, wrong[0])
    seen = drive(stub.port, wrong, 2, warm_up=0.5, seconds=0.5)
    assert seen.timings == ()
    assert seen.errors
    with pytest.raises(ValueError, match="no request was answered: status 404"):
        figures(seen, 2)


def test_a_server_that_is_gone_is_an_error(stubs: Stubs) -> None:
    stub = stubs.start()
    stub.terminate()
    stub.ended()
    with pytest.raises(RequestFailedError, match="ConnectionRefused"):
        complete(stub.port, bodies(SMALL, MODEL, 1)[0])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([b'data: {"choices": [{"delta": {"content": "a"}}]}\n'], "broke off"),
        ([b"data: [DONE]\n"], "no text"),
        ([b'data: {"choices": [{"delta": {"content": "a"}}]}\n', b"data: [DONE]\n"], "no usage"),
    ],
)
def test_a_stream_that_is_not_whole_is_an_error(lines: list[bytes], message: str) -> None:
    with pytest.raises(RequestFailedError, match=message):
        read_stream(lines, 0.0)
