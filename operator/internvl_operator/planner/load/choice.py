"""The choice for a load: the fewest GPUs in all that carry it, then the fewest per replica, then full precision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, log10

from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.planner.candidates import Candidate, candidates
from internvl_operator.planner.explain import MOST_ALTERNATIVES, Alternative, alternative_of, gpus
from internvl_operator.planner.load.explanation import problem_of_load, reason_for_load, why_not_for_load
from internvl_operator.planner.load.serving import Serving, serving
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.ways_out import MOST_GPUS, beyond_given, on_larger_nodes

_FASTER = ("NVIDIA-L40S", "NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3", "NVIDIA-H200")
"""GPUs that a plan names where none of those that there are carries the load, the cheapest first."""


@dataclass(frozen=True, slots=True)
class ChoiceForLoad:
    """The configuration for a load, or with an outcome other than ok the one that comes nearest."""

    candidate: Candidate
    outcome: Outcome
    reason: str
    alternatives: tuple[Alternative, ...]


def choice_for_load(
    considered: Sequence[Candidate], request: PlanRequest, load: Load, inventory: Inventory
) -> ChoiceForLoad | None:
    """Return the choice for the load of a request, or why nothing carries it; None where nothing serves at all."""
    able = list(serving(considered, request, load))
    if not able:
        return None
    chosen = _cheapest(able)
    if chosen is not None and chosen.speed is not None:
        alternatives = tuple(_others(able, chosen, load))
        return ChoiceForLoad(
            chosen.candidate, Outcome.OK, reason_for_load(chosen, chosen.speed, load), alternatives
        )
    nearest = min(able, key=lambda each: inf if each.alone_seconds is None else each.alone_seconds)
    alternatives = tuple(_ways_out(request, load, inventory))
    reason = problem_of_load(nearest, load)
    if alternatives:
        reason += "; " + " or ".join(alternative.reason for alternative in alternatives)
    return ChoiceForLoad(nearest.candidate, Outcome.LOAD_NOT_CARRIED, reason, alternatives)


def _cheapest(able: Sequence[Serving]) -> Serving | None:
    return min((each for each in able if each.carries), key=lambda each: each.cost, default=None)


def _others(able: Sequence[Serving], chosen: Serving, load: Load) -> Iterator[Alternative]:
    """Yield the cheapest others, those that carry the load first."""
    others = sorted(
        (each for each in able if each is not chosen), key=lambda each: (not each.carries, each.cost)
    )
    for other in others[:MOST_ALTERNATIVES]:
        yield alternative_of(other.candidate, why_not_for_load(other, chosen, load))


def _ways_out(request: PlanRequest, load: Load, inventory: Inventory) -> Iterator[Alternative]:
    """Yield what would carry the load if one of the given values were different."""
    known = [
        (advice, _cheapest_of(changed, pools))
        for advice, changed, pools in _changes(request, load, inventory)
    ]
    found = [(advice, best) for advice, best in known if best is not None]
    for advice, best in found[:MOST_ALTERNATIVES]:
        named = advice.format(gpus=gpus(best.candidate), replicas=_replicas(best))
        yield alternative_of(best.candidate, named + beyond_given(best.candidate, request))


def _changes(
    request: PlanRequest, load: Load, inventory: Inventory
) -> Iterator[tuple[str, PlanRequest, Inventory]]:
    """Yield (what to write, the request changed so, the inventory for it).

    Where a request of the load is longer than a session and longer sessions do not help alone, the other changes come
    with them.
    """
    longer = ""
    if load.tokens > request.options.session_len:
        session_len = ceil(load.tokens / 1024) * 1024
        request = request.with_options(session_len=session_len)
        yield f"use sessionLen {session_len}", request, inventory
        if _cheapest_of(request, inventory):
            return
        longer = f"use sessionLen {session_len} and "
    free, larger = on_larger_nodes(request, inventory)
    yield longer + "use {replicas} of {gpus}", free, larger
    yield longer + "use {replicas} of {gpus}", free, Inventory(tuple(_pool_of(name) for name in _FASTER))
    if load.ttft_seconds is not None:
        able = serving(candidates(request, inventory), request, load)
        least = min((_ttft_within_reach(each, load) for each in able), default=inf)
        if least == inf:
            return
        relaxed = replace(load, ttft_seconds=_rounded_up(least))
        advice = f"{longer}ask for the first token within {relaxed.ttft_seconds:g} s"
        yield advice, replace(request, load=relaxed), inventory


def _ttft_within_reach(able: Serving, load: Load) -> float:
    """Return the seconds to the first token that one may well ask of a configuration; infinite where not known.

    At a rate twice of what a request takes that is alone: replicas that wait for nothing would be far too many.
    """
    if able.speed is None or able.alone_seconds is None:
        return inf
    return able.speed.ttft_seconds if load.requests_per_second is None else 2 * able.alone_seconds


def _rounded_up(seconds: float) -> float:
    """Return seconds with two digits that mean something, never fewer than they are."""
    step: float = 10.0 ** (floor(log10(seconds)) - 1)
    return float(f"{ceil(seconds / step) * step:.2g}")


def _cheapest_of(request: PlanRequest, inventory: Inventory) -> Serving | None:
    assert request.load is not None
    return _cheapest(list(serving(candidates(request, inventory), request, request.load)))


def _pool_of(product: str) -> GpuPool:
    gpu = find_gpu(product)
    return GpuPool(gpu.product, gpu.memory_mib, MOST_GPUS, compute_capability=gpu.compute_capability)


def _replicas(best: Serving) -> str:
    count = best.speed.replicas if best.speed else 0
    return "1 replica" if count == 1 else f"{count} replicas"
