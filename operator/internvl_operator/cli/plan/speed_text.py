"""How fast a plan is, for people: what one replica does, how near it is to each limit, and how many carry the load."""

from collections.abc import Iterator

from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.speed_estimate import Limit, Speed
from internvl_operator.planner.speed.words import LIMITS, carried_by

_BAR_WIDTH = 40


def speed_lines(plan: Plan, request: PlanRequest) -> Iterator[str]:
    """Yield the lines about a plan's speed, none where it does not serve."""
    if plan.speed is None:
        if plan.serves:
            yield f"  speed of one replica: not known, {_why_unknown(plan, request)}"
            yield ""
        return
    speed = plan.speed
    yield f"  speed of one replica, {_request(speed)}"
    for name, value, note in _rows(speed, request):
        yield f"  {name:9} {value:24}  {note}"
    for limit, used in _used(speed):
        mark = "  <- limit" if limit is speed.limit else ""
        yield f"  {_NAMES[limit]:13} {_bar(used)} {100 * used:3.0f} %{mark}"
    yield "    vision, prefill and decode share the GPUs"
    if not speed.calibrated:
        yield "    not calibrated: a roofline, for nothing like this was measured; the replicas have a wider margin"
    yield ""


_NAMES = {
    Limit.PREPROCESSING: "preprocessing",
    Limit.VISION: "vision",
    Limit.PREFILL: "prefill",
    Limit.DECODE: "decode",
    Limit.KV_CACHE: "kv cache",
    Limit.EVENT_LOOP: "event loop",
}


def _why_unknown(plan: Plan, request: PlanRequest) -> str:
    if request.load is not None and request.load.tokens > plan.memory.effective_session_len:
        return "a request of the load is longer than a session"
    return "name the GPU by its product"


def _request(speed: Speed) -> str:
    if not speed.images:
        return f"text of {speed.prompt_tokens} tokens, {speed.output_tokens} tokens out"
    images = "1 image" if speed.images == 1 else f"{speed.images} images"
    tiles = "1 tile" if speed.tiles == 1 else f"{speed.tiles} tiles"
    return f"{images} of {tiles}, {speed.prompt_tokens} tokens of text, {speed.output_tokens} tokens out"


def _rows(speed: Speed, request: PlanRequest) -> Iterator[tuple[str, str, str]]:
    load = request.load
    if load is not None and load.requests_per_second is not None:
        carried = f"{carried_by(speed.replicas)} it" if speed.replicas else "no number of replicas carries it"
        yield ("load", f"{load.requests_per_second:g} requests/s", carried)
    yield (
        "rate",
        f"{speed.requests_per_second:g} requests/s",
        f"{speed.images_per_second:g} images/s, {speed.output_tokens_per_second:g} tokens/s, "
        f"{speed.concurrency} in flight",
    )
    yield ("latency", f"{speed.ttft_seconds:g} s to first token", _latency(speed))
    yield ("at most", f"{speed.max_requests_per_second:g} requests/s", f"the limit is {LIMITS[speed.limit]}")


def _latency(speed: Speed) -> str:
    per_token = f"{1000 * speed.seconds_per_token:g} ms a token, " if speed.output_tokens > 1 else ""
    return f"{per_token}{speed.request_seconds:g} s a request"


def _used(speed: Speed) -> Iterator[tuple[Limit, float]]:
    utilization = speed.utilization
    yield Limit.PREPROCESSING, utilization.preprocessing
    yield Limit.VISION, utilization.vision
    yield Limit.PREFILL, utilization.prefill
    yield Limit.DECODE, utilization.decode
    yield Limit.KV_CACHE, utilization.kv_cache
    yield Limit.EVENT_LOOP, utilization.event_loop


def _bar(used: float) -> str:
    length = min(_BAR_WIDTH, round(used * _BAR_WIDTH))
    return "█" * length + "·" * (_BAR_WIDTH - length)
