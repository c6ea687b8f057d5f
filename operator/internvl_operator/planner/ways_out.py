"""What would run if one of the given values were different."""

from dataclasses import replace

from internvl_operator.planner.candidates import Candidate, candidates
from internvl_operator.planner.explain import (
    MOST_ALTERNATIVES,
    Alternative,
    alternative_of,
    gpus,
    precision_of,
)
from internvl_operator.planner.nodes.inventory import Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest


def ways_out_of(request: PlanRequest, inventory: Inventory) -> tuple[Alternative, ...]:
    """Return what would run if one of the given values were different, the cheapest first."""
    found: list[tuple[Candidate, str]] = []
    for change, relaxed, pools in _relaxations(request, inventory):
        if best := _cheapest(relaxed, pools):
            advice = change.format(gpus=gpus(best), weights=precision_of(best))
            found.append((best, advice + _beyond_most_gpus(best, request)))
    if shorter := _shorter_session(request, inventory):
        found.append(shorter)
    # Two changes may lead to the same configuration: the first one named is enough.
    distinct = {best.cost: alternative_of(best, change) for best, change in reversed(found)}
    return tuple(distinct[cost] for cost in sorted(distinct)[:MOST_ALTERNATIVES])


def _beyond_most_gpus(best: Candidate, request: PlanRequest) -> str:
    most = request.gpu.max_count
    return f" and raise gpu.maxCount, which is {most}, to {best.tp}" if best.tp > most else ""


def _cheapest(request: PlanRequest, inventory: Inventory) -> Candidate | None:
    works = (candidate for candidate in candidates(request, inventory) if candidate.outcome is Outcome.OK)
    return min(works, key=lambda candidate: candidate.cost, default=None)


def _relaxations(request: PlanRequest, inventory: Inventory) -> list[tuple[str, PlanRequest, Inventory]]:
    """Return (what to write, the request changed so, the inventory for it)."""
    more = replace(request, tp=None, gpu=replace(request.gpu, max_count=8))
    larger = Inventory(tuple(replace(pool, count=max(pool.count, 8)) for pool in inventory.pools))
    changes = [("use {gpus} with {weights}", more, larger)]
    if request.options.cache_max_entry_count is not None:
        changes.append(
            ("leave cacheMaxEntryCount out", request.with_options(cache_max_entry_count=None), inventory)
        )
    if request.quantized is False and request.model.awq_repository:
        changes.append(("use quantization AWQ", replace(request, quantized=True), inventory))
        changes.append(("use quantization AWQ on {gpus}", replace(more, quantized=True), larger))
    if request.quantized is None and request.model.awq_repository:
        changes.append(("use quantization AWQ on {gpus}", replace(more, quantized=True), larger))
    if request.quantized and request.backend is None:
        changes.append(("use quantization None on {gpus}", replace(more, quantized=False), larger))
    if request.backend is not None:
        changes.append(("leave the backend out", replace(request, backend=None), inventory))
    if request.options.quant_policy:
        changes.append(("use quantPolicy 0", request.with_options(quant_policy=0), inventory))
    return changes


def _shorter_session(request: PlanRequest, inventory: Inventory) -> tuple[Candidate, str] | None:
    """Return the longest session that what is given can hold, when the session alone is too long."""
    near = [c for c in candidates(request, inventory) if not c.refusal and c.outcome is not Outcome.OOM]
    session_len = max((candidate.memory.kv_tokens for candidate in near), default=0) // 1024 * 1024
    if not 0 < session_len < request.options.session_len:
        return None
    best = _cheapest(request.with_options(session_len=session_len), inventory)
    return (best, f"use sessionLen <= {session_len}") if best else None
