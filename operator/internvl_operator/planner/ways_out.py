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
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest

MOST_GPUS = 8
"""GPUs of the largest nodes that an advice names."""


def ways_out_of(request: PlanRequest, inventory: Inventory) -> tuple[Alternative, ...]:
    """Return what would run if one of the given values were different, the cheapest first."""
    found: list[tuple[Candidate, str]] = []
    for change, relaxed, pools in _relaxations(request, inventory):
        if best := _cheapest(relaxed, pools):
            advice = change.format(gpus=gpus(best), weights=precision_of(best))
            found.append((best, advice + beyond_given(best, request)))
    if shorter := _shorter_session(request, inventory):
        found.append(shorter)
    # Two changes may lead to the same configuration: the first one named is enough.
    distinct = {best.cost: alternative_of(best, change) for best, change in reversed(found)}
    return tuple(distinct[cost] for cost in sorted(distinct)[:MOST_ALTERNATIVES])


def beyond_given(best: Candidate, request: PlanRequest) -> str:
    """Return what else a configuration takes, to be added to an advice: larger nodes, another tp, a higher maxCount."""
    largest, most = max((room.gpus for room in best.pool.rooms), default=best.tp), request.gpu.max_count
    takes = f" on nodes with {best.tp} of them (the largest has {largest})" if best.tp > largest else ""
    if request.tp not in (None, best.tp):
        takes += f" and engine.tp {best.tp} in place of {request.tp}"
    return takes + (f" and raise gpu.maxCount, which is {most}, to {best.tp}" if best.tp > most else "")


def on_larger_nodes(request: PlanRequest, inventory: Inventory) -> tuple[PlanRequest, Inventory]:
    """Return the request with as many GPUs as it takes, and the nodes as if each kind of GPU came in eights.

    Nodes that lack CPU, memory or disk stay as they are: more GPUs in one of them would not make that room.
    """
    free = replace(request, tp=None, gpu=replace(request.gpu, max_count=MOST_GPUS))
    pools = (pool if _lacks_room(free, pool) else _enlarged(pool) for pool in inventory.pools)
    return free, Inventory(tuple(pools))


def _enlarged(pool: GpuPool) -> GpuPool:
    return replace(pool, count=max(pool.count, MOST_GPUS))


def _lacks_room(request: PlanRequest, pool: GpuPool) -> bool:
    """Return whether the model would run on a pool if its nodes had more CPU, memory or disk."""
    roomy = replace(pool, rooms=frozenset())
    return (
        bool(pool.rooms)
        and not _cheapest(request, Inventory((pool,)))
        and bool(_cheapest(request, Inventory((roomy,))))
    )


def _cheapest(request: PlanRequest, inventory: Inventory) -> Candidate | None:
    works = (candidate for candidate in candidates(request, inventory) if candidate.outcome is Outcome.OK)
    return min(works, key=lambda candidate: candidate.cost, default=None)


def _relaxations(request: PlanRequest, inventory: Inventory) -> list[tuple[str, PlanRequest, Inventory]]:
    """Return (what to write, the request changed so, the inventory for it)."""
    more, larger = on_larger_nodes(request, inventory)
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
