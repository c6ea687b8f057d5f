"""How long requests take at a rate, and at which rate so many are in flight.

The replica is a row of queues: the preprocessing thread, the GPUs, the event loop. Each waits as a queue with random
arrivals and a fixed time of service does (M/D/1, Pollaczek and Khinchine). On the GPUs images and prompts come first:
what they leave of each second is shared by the answers that are being written.
"""

from collections.abc import Callable
from dataclasses import dataclass

from internvl_operator.planner.speed.service_times import ServiceTimes

_HALVINGS = 26
"""Of the interval in which a rate is searched: eight digits."""


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


def response_at(times: ServiceTimes, rate: float) -> Response:
    """Return how requests fare that come at a rate below the ceiling, per second."""
    prompts = times.vision + times.prefill
    left = 1 - rate * prompts
    further = times.tokens - 1
    # A step takes step + written * context of what is left of a second, and by Little's law
    # written = rate * further * per_token.
    per_token = times.step / (left - rate * further * times.context)
    written = rate * further * per_token
    per_token += _wait(rate * times.tokens, times.event_loop / times.tokens)
    ttft = (
        times.preprocessing
        + _wait(rate, times.preprocessing)
        + _wait(rate, times.gpu)
        + prompts
        + times.step
        + written * times.context
    )
    return Response(ttft=ttft, per_token=per_token, whole=ttft + further * per_token, written=written)


def _wait(rate: float, service: float) -> float:
    load = rate * service
    return service * load / (2 * (1 - load))


def rate_in_flight(times: ServiceTimes, concurrency: float) -> float:
    """Return the rate at which so many requests are in flight (Little's law), below the ceiling."""
    return _greatest(times.ceiling, lambda rate: rate * response_at(times, rate).whole <= concurrency)


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
