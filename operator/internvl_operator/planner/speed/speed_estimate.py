"""The speed of a plan: what one replica does under a load, what bounds it, and how many replicas carry the load."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor, log10

from internvl_operator.planner.speed.load import DEFAULT_CONCURRENCY, Load
from internvl_operator.planner.speed.queueing import Response, in_flight, rate_with_ttft, response_at
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.service_times import ServiceTimes
from internvl_operator.planner.speed.speed_constants import CALIBRATED_BOUND, CONSTANTS, ROOFLINE_BOUND


class Limit(StrEnum):
    """What bounds the requests per second of a replica."""

    PREPROCESSING = "preprocessing"
    """The one thread on the CPU that decodes images, cuts them into tiles and normalises them."""
    VISION = "vision"
    """The GPUs, most of whose time the vision encoder takes."""
    PREFILL = "prefill"
    """The GPUs, most of whose time the prompts take."""
    DECODE = "decode"
    """The GPUs, most of whose time the answers take."""
    KV_CACHE = "kvCache"
    """The GPUs, most of whose time is lost because few answers fit into the KV cache at once."""
    EVENT_LOOP = "eventLoop"
    """The one thread that streams the tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """What part of each limit a replica uses; vision, prefill and decode share the GPUs, which their sum fills."""

    preprocessing: float
    vision: float
    prefill: float
    decode: float
    kv_cache: float
    event_loop: float

    @property
    def gpu(self) -> float:
        """The GPUs' part."""
        return self.vision + self.prefill + self.decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What one replica does under a load; seconds are means.

    Args:
        concurrency: requests in flight at one replica.
        requests_per_second: of one replica at that concurrency.
        max_requests_per_second: what one replica never exceeds, however many are in flight.
        limit: what makes that the most.
        replicas: that carry the load; 0 where no number of them does.
        calibrated: whether a GPU of this generation, this backend and this release were measured.
    """

    images: int
    tiles: int
    prompt_tokens: int
    output_tokens: int
    concurrency: int
    requests_per_second: float
    output_tokens_per_second: float
    ttft_seconds: float
    seconds_per_token: float
    request_seconds: float
    max_requests_per_second: float
    limit: Limit
    utilization: Utilization
    replicas: int
    calibrated: bool

    @property
    def images_per_second(self) -> float:
        """Images that one replica answers for."""
        return _significant(self.images * self.requests_per_second)


@lru_cache(maxsize=1024)
def estimate_speed(replica: Replica, load: Load) -> Speed:
    """Return what a replica does under a load whose requests fit into its KV cache.

    The controller asks for each resource again and again, and most of them are alike: answers are kept.
    """
    times = ServiceTimes.of(replica, load, CONSTANTS[replica.backend])
    if load.requests_per_second is None:
        replicas = 1
        rate, response = in_flight(times, load.concurrency or DEFAULT_CONCURRENCY)
        if load.ttft_seconds is not None and response.ttft > load.ttft_seconds:
            replicas = 0
    else:
        most = _bound(replica) * times.ceiling
        carried = most if load.ttft_seconds is None else rate_with_ttft(times, load.ttft_seconds, most)
        replicas = ceil(load.requests_per_second / carried) if carried else 0
        rate = load.requests_per_second / (replicas or ceil(load.requests_per_second / most))
        response = response_at(times, rate)
    return Speed(
        images=load.images,
        tiles=load.tiles,
        prompt_tokens=load.prompt_tokens,
        output_tokens=load.output_tokens,
        concurrency=load.concurrency or _in_flight(load, rate, response),
        requests_per_second=_significant(rate),
        output_tokens_per_second=_significant(rate * load.output_tokens),
        ttft_seconds=_significant(response.ttft),
        seconds_per_token=_significant(response.per_token),
        request_seconds=_significant(response.whole),
        max_requests_per_second=_significant(times.ceiling),
        limit=limit_of(times),
        utilization=_utilization(times, rate, response),
        replicas=replicas,
        calibrated=replica.is_measured,
    )


def least_ttft(replica: Replica, load: Load) -> float:
    """Return the time to the first token of a request that is alone; seconds."""
    times = ServiceTimes.of(replica, load, CONSTANTS[replica.backend])
    return _significant(response_at(times, 0.0).ttft)


def _bound(replica: Replica) -> float:
    return CALIBRATED_BOUND if replica.is_measured else ROOFLINE_BOUND


def _in_flight(load: Load, rate: float, response: Response) -> int:
    if load.requests_per_second is None:
        return DEFAULT_CONCURRENCY
    return max(1, round(rate * response.whole))


def limit_of(times: ServiceTimes) -> Limit:
    """Return what bounds the requests per second of a replica."""
    threads = {Limit.PREPROCESSING: times.preprocessing, Limit.EVENT_LOOP: times.event_loop}
    together = times.decode_among(times.batch)
    on_gpu = {
        Limit.PREFILL: times.prefill,
        Limit.VISION: times.vision,
        Limit.DECODE: together,
        Limit.KV_CACHE: times.decode - together,
    }
    slowest = max(threads, key=lambda limit: threads[limit])
    return slowest if threads[slowest] > times.gpu else max(on_gpu, key=lambda limit: on_gpu[limit])


def _utilization(times: ServiceTimes, rate: float, response: Response) -> Utilization:
    return Utilization(
        preprocessing=round(rate * times.preprocessing, 2),
        vision=round(rate * times.vision, 2),
        prefill=round(rate * times.prefill, 2),
        decode=round(rate * times.decode, 2),
        kv_cache=round(response.written / times.room, 2),
        event_loop=round(rate * times.event_loop, 2),
    )


def _significant(value: float) -> float:
    """Return a number with three digits that mean something: more would claim what nobody measured."""
    if value == 0:
        return 0.0
    return round(value, 2 - floor(log10(abs(value))))
