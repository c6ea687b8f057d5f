"""How long requests take at a rate, and at which rate so many are in flight.

The replica is a row of queues. One thread preprocesses images; requests wait for it as in a queue with random arrivals
and a fixed time of service (M/D/1, Pollaczek and Khinchine). Then the engine works in iterations: each one computes the
prompts that have come, all of them together, and one token of every answer that is being written. While one iteration
runs the next one is already settled (TurboMind keeps two under way), so a prompt waits for what is left of the running
iteration and for the next one, and is computed in the one after that, beside the prompts that came with it. It never
waits for an answer to end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp

from internvl_operator.planner.speed.service_times import ServiceTimes

_HALVINGS = 40
"""Of the interval in which a rate is searched: twelve digits."""

_EXACT = 1e-9
"""Part of a rate to which one in flight is found."""

_BELOW_CEILING = 1 - 1e-9
"""At the ceiling itself a wait has no end."""

_ROUNDS = 60
_ENOUGH = 1e-9
"""Part of a token's time: what is written follows from it, and it follows from what is written."""


@dataclass(frozen=True, slots=True)
class Response:
    """How one request fares; seconds, all of them means.

    Args:
        ttft: from the request to the first token.
        per_token: from one token to the next.
        whole: from the request to the last token.
        written: requests whose answers are written at once.
    """

    ttft: float
    per_token: float
    whole: float
    written: float


def response_at(times: ServiceTimes, rate: float, concurrency: float | None = None) -> Response:
    """Return how requests fare that come at a rate below the ceiling, per second.

    Args:
        times: of a request.
        rate: of the requests.
        concurrency: of a closed loop, in which a request meets all but itself, and a new one comes when an answer
            ends; None: requests come independently of each other.
    """
    others = 1.0 if concurrency is None else max(0.0, 1 - 1 / concurrency)
    further = times.tokens - 1
    iteration = _iteration(times, rate)
    written = rate * further * iteration
    per_token = iteration + _wait(rate * times.tokens, times.event_loop / times.tokens)
    ttft = (
        times.request
        + _loop(times, others * rate, others * written)
        + times.preprocessing
        + _wait(others * rate, times.preprocessing)
        + _turn(
            times,
            rate,
            others,
            others * written,
            _met(times, rate, iteration, concurrency is None),
            iteration,
        )
        + times.prompt
        + times.step_among(1 + others * written)
        + others * written * times.context
    )
    return Response(ttft=ttft, per_token=per_token, whole=ttft + further * per_token, written=written)


def _iteration(times: ServiceTimes, rate: float) -> float:
    """Return the mean length of an iteration, in which every answer that is written gets a token.

    Prompts take ``rate * prompt`` of each second. What is left is shared by the iterations' own part: a step, and the
    context of each answer, of which ``rate * further * iteration`` are written (Little's law).
    """
    further = times.tokens - 1
    left = 1 - rate * times.prompt - rate * further * times.context
    iteration = times.step_among(1) / left
    for _ in range(_ROUNDS):
        before, iteration = iteration, times.step_among(max(1.0, rate * further * iteration)) / left
        if abs(iteration - before) <= _ENOUGH * iteration:
            break
    return iteration


def _met(times: ServiceTimes, rate: float, iteration: float, is_open: bool) -> float:
    """Return the mean length of an iteration in which a request comes: more likely a long one.

    It is the mean of the square over the mean. The prompts in an iteration vary as arrivals do (Poisson). Where these
    go on while an iteration takes long, the next one has more of them; answers do not end the faster for it.
    """
    grows = (rate * times.prompt) ** 2 if is_open else 0.0
    return iteration + rate * times.prompt**2 / (1 - grows)


def _turn(
    times: ServiceTimes, rate: float, others: float, written: float, met: float, iteration: float
) -> float:
    """Return how long a prompt waits for its iteration, and there for the prompts beside it."""
    busy = 1 - exp(-written) * (1 - others * rate * times.prompt)
    return busy * (met / 2 + iteration + others * rate * met * times.prompt)


def _loop(times: ServiceTimes, rate: float, written: float) -> float:
    """Return how long a request waits for the event loop, all of its turns together.

    The tokens of an iteration come to the event loop at once, one for each answer that is written.
    """
    load = rate * times.event_loop
    return times.turns * load * written * times.event_loop / times.tokens / (2 * (1 - load))


def _wait(rate: float, service: float) -> float:
    load = rate * service
    return service * load / (2 * (1 - load))


def in_flight(times: ServiceTimes, concurrency: float) -> tuple[float, Response]:
    """Return the rate at which so many requests are in flight, and how they fare.

    Where the busiest part takes no more, all others wait in front of it (Little's law). Several are answered no slower
    than one that waits for nobody.
    """
    most = times.ceiling * _BELOW_CEILING
    rate = max(_rate_in_flight(times, each, most) for each in {1.0, concurrency})
    response = response_at(times, rate, concurrency)
    waits = max(0.0, concurrency / rate - response.whole)
    return rate, replace(response, ttft=response.ttft + waits, whole=response.whole + waits)


def _rate_in_flight(times: ServiceTimes, concurrency: float, most: float) -> float:
    """Return the rate up to ``most`` at which no more than so many requests are in flight.

    The rate and the one that its requests' time allows meet in one place; it is found by false position (Illinois).
    """

    def excess(rate: float) -> float:
        return rate - concurrency / response_at(times, rate, concurrency).whole

    low, high, below, above = 0.0, most, excess(0.0), excess(most)
    if above <= 0:
        return most
    last = 0.0
    while high - low > _EXACT * high:
        middle = (low * above - high * below) / (above - below)
        found = excess(middle)
        if abs(found) <= _EXACT * middle:
            return middle
        # An end that stays twice counts half, or the other one would creep.
        if found > 0:
            high, above, below = middle, found, below / 2 if last > 0 else below
        else:
            low, below, above = middle, found, above / 2 if last < 0 else above
        last = found
    return low


def rate_with_ttft(times: ServiceTimes, ttft: float, most: float) -> float:
    """Return the greatest rate up to ``most`` at which the first token comes in time; 0 where it never does."""
    if response_at(times, 0.0).ttft > ttft:
        return 0.0
    if response_at(times, most).ttft <= ttft:
        return most
    return _greatest(most, lambda rate: response_at(times, rate).ttft <= ttft)


def _greatest(most: float, holds: Callable[[float], bool]) -> float:
    """Return the greatest rate below ``most`` for which something holds that holds for all lesser ones."""
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
