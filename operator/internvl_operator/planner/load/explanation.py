"""Sentences about a load: why a configuration was chosen for it, why the others were not, and why none carries it."""

from internvl_operator.planner.explain import gpus, precision_of
from internvl_operator.planner.load.serving import Serving
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.speed_estimate import Speed
from internvl_operator.planner.speed.words import LIMITS, carried_by


def reason_for_load(chosen: Serving, speed: Speed, load: Load) -> str:
    """Return why a configuration was chosen for a load."""
    where = f"{precision_of(chosen.candidate)} on {gpus(chosen.candidate)}"
    carried = f"{_carried(speed, load)}, {_gpu_count(chosen.gpus)} in all, the fewest"
    return f"{where}: {carried}; {_ceiling(speed)}"


def _ceiling(speed: Speed) -> str:
    return (
        f"one replica answers at most {speed.max_requests_per_second:g} requests per second, its limit is "
        f"{LIMITS[speed.limit]}"
    )


def why_not_for_load(other: Serving, chosen: Serving, load: Load) -> str:
    """Return why another configuration was not chosen for a load."""
    if other.speed is None or chosen.speed is None or not other.carries:
        return problem_of_load(other, load)
    replicas = other.speed.replicas
    carries = f"{carried_by(replicas)} it too"
    is_awq_instead = other.candidate.awq and not chosen.candidate.awq
    if is_awq_instead and _same_gpus(other, chosen) and _slower(other.speed, chosen.speed):
        by = "" if other.speed.calibrated else " by the roofline"
        most, instead = other.speed.max_requests_per_second, chosen.speed.max_requests_per_second
        return f"{carries}; AWQ would be slower here{by}: at most {most:g} requests per second instead of {instead:g}"
    if other.gpus > chosen.gpus:
        return f"{carries}; costs more: {_gpu_count(other.gpus)} in all"
    if other.candidate.tp > chosen.candidate.tp:
        return f"{carries} with as many GPUs; fewer per replica are preferred"
    if is_awq_instead:
        return f"{carries}; full precision is preferred where it takes no more GPUs"
    return f"{carries} with as many GPUs; the smaller card is preferred"


def problem_of_load(nearest: Serving, load: Load) -> str:
    """Return why no number of replicas of a configuration carries a load."""
    candidate, speed = nearest.candidate, nearest.speed
    where = f"{precision_of(candidate)} on {gpus(candidate)}"
    if nearest.replica is None:
        return f"how fast {where} is, is not known: name a product of the catalogue, or leave the load out"
    if speed is None or nearest.alone_seconds is None or load.ttft_seconds is None:
        return (
            f"a request of this load has {load.tokens} tokens, and a session with {where} "
            f"at most {candidate.memory.effective_session_len}"
        )
    bounded = f"{load.ttft_seconds:g} s are asked for; the limit is {LIMITS[speed.limit]}"
    if nearest.alone_seconds > load.ttft_seconds:
        return (
            f"no number of replicas is fast enough: with {where} a request that is alone takes "
            f"{nearest.alone_seconds:g} s to its first token, and {bounded}"
        )
    return (
        f"with {where} the first token takes {speed.ttft_seconds:g} s with {speed.concurrency} requests in flight, and "
        f"{bounded}"
    )


def _carried(speed: Speed, load: Load) -> str:
    within = "" if load.ttft_seconds is None else f"the first token within {load.ttft_seconds:g} s"
    if load.requests_per_second is None:
        return f"{within} with {speed.concurrency} requests in flight"
    rate = f"{carried_by(speed.replicas)} {load.requests_per_second:g} requests per second"
    return f"{rate} with {within}" if within else rate


def _gpu_count(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _same_gpus(one: Serving, other: Serving) -> bool:
    return (one.candidate.pool, one.candidate.tp) == (other.candidate.pool, other.candidate.tp)


def _slower(one: Speed, other: Speed) -> bool:
    return one.max_requests_per_second < other.max_requests_per_second
