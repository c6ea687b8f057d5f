"""A plan for people: what was derived, from what, and a bar of one GPU's memory."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import MAX_TILES_PER_IMAGE
from internvl_operator.cli.plan.speed_text import speed_lines
from internvl_operator.cli.text_table import aligned
from internvl_operator.planner.candidates import IMAGE_REQUEST_TOKENS
from internvl_operator.planner.explain import Alternative
from internvl_operator.planner.images import variant_named
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.memory.host_needs import host_needs
from internvl_operator.planner.nodes.node_room import HostNeeds
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest

_BAR_WIDTH = 64


def plan_text(plan: Plan, request: PlanRequest, arguments: Sequence[str]) -> str:
    """Return a plan as lines of text."""
    return "\n".join(
        [
            *_verdict(plan),
            "",
            *_derived(plan, request),
            "",
            *_memory(plan),
            "",
            *speed_lines(plan, request),
            *_command(arguments),
            *_listed("Warnings", plan.warnings),
            *_listed("Notes", plan.notes),
            *_listed("Alternatives", [_alternative(item) for item in plan.alternatives]),
            *_listed("Other GPUs that carry the load", _other_gpus(plan, request)),
        ]
    )


def _other_gpus(plan: Plan, request: PlanRequest) -> Sequence[str]:
    if request.load is None or request.load.requests_per_second is None:
        return ()
    from internvl_operator.cli.plan.other_gpus import other_gpus  # a load's cost, not a plan's

    return other_gpus(plan, request)


def _verdict(plan: Plan) -> Iterator[str]:
    gpu = plan.product or "GPU"
    yield f"{plan.model.name} on {plan.gpus} x {gpu} ({plan.gpu_memory_mib} MiB): {plan.outcome}"
    yield f"  {plan.reason}"


def _derived(plan: Plan, request: PlanRequest) -> Iterator[str]:
    memory = plan.memory
    rows = [
        (
            "weights",
            plan.repository,
            "quantization " + _origin(request.quantized is not None, plan.quantization),
        ),
        (
            "engine",
            f"LMDeploy {plan.engine}",
            "backend " + _origin(request.backend is not None, plan.backend),
        ),
        ("image", *_image(plan, request)),
        ("gpus", str(plan.gpus), "tp " + _origin(request.tp is not None, str(plan.tp))),
        (
            "kv cache",
            f"{memory.kv_tokens} tokens",
            "cache-max-entry-count "
            + _origin(request.options.cache_max_entry_count is not None, f"{memory.cache_max_entry_count:g}"),
        ),
        (
            "at once",
            _sessions(plan),
            _image_requests(plan),
        ),
        ("host", *_host(_host_of(plan, request))),
    ]
    if plan.is_ok:
        start = f"about {plan.expected_start_seconds} s"
        rows.append(("start", start, "from the container's start to the open port"))
    if memory.effective_session_len < plan.options.session_len:
        rows.append(("session", f"{memory.effective_session_len} tokens", "as this engine shortens it"))
    yield from (f"  {row}" for row in aligned(rows))


def host_document(plan: Plan, request: PlanRequest) -> dict[str, int]:
    """Return what a replica requests of its node, as JSON has it, without what the spec says itself."""
    needs = _host_of(plan, request)
    amounts = {"cpuMillis": needs.cpu_millis, "memoryMiB": needs.memory_mib, "diskMiB": needs.disk_mib}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _host_of(plan: Plan, request: PlanRequest) -> HostNeeds:
    needs = host_needs(request, plan.backend, plan.tp, plan.memory.weights_mib)
    return needs if plan.cpu_millis is None else replace(needs, cpu_millis=plan.cpu_millis)


def _host(needs: HostNeeds) -> tuple[str, str]:
    cpu = "cpu as given" if needs.cpu_millis is None else f"{needs.cpu_millis / 1000:g} CPUs"
    memory = "memory as given" if needs.memory_mib is None else f"{needs.memory_mib} MiB"
    disk = (
        "no disk for the files" if needs.disk_mib is None else f"{needs.disk_mib} MiB of disk for the files"
    )
    return f"{cpu}, {memory}", f"and {disk} of one replica"


def _sessions(plan: Plan) -> str:
    noun = "session" if plan.concurrent_sessions == 1 else "sessions"
    return f"{plan.concurrent_sessions} {noun} of {plan.memory.effective_session_len} tokens"


def _image_requests(plan: Plan) -> str:
    if plan.options.session_len < IMAGE_REQUEST_TOKENS:
        return f"too short for one image of {MAX_TILES_PER_IMAGE} tiles and 512 tokens"
    return f"or {plan.concurrent_image_requests} requests with one image and 512 tokens"


def _image(plan: Plan, request: PlanRequest) -> tuple[str, str]:
    if request.has_own_image:
        return "your own", "which driver it needs is not known"
    variant = variant_named(engine(plan.engine), plan.image_variant)
    return variant.name, f"needs NVIDIA's driver {variant.driver[0]}.{variant.driver[1]} or later"


def _origin(given: bool, value: str) -> str:
    return f"{value} ({'given' if given else 'derived'})"


def memory_parts(memory: MemoryEstimate) -> list[tuple[str, int, str]]:
    """Return what one GPU's memory holds, from the bottom: name, MiB, and mark in the bar."""
    return [
        ("weights", memory.weights_mib, "█"),
        ("overhead", memory.overhead_mib, "▓"),
        ("kv cache", memory.kv_cache_mib, "▒"),
        ("working", memory.working_mib, "░"),
        ("free", memory.free_mib, "·"),
    ]


def _memory(plan: Plan) -> Iterator[str]:
    memory = plan.memory
    parts = memory_parts(memory)
    yield f"  memory of one GPU, {plan.gpu_memory_mib} MiB, {memory.used_mib} MiB of it used"
    yield "  " + _bar([(amount, mark) for _, amount, mark in parts], plan.gpu_memory_mib)
    for name, amount, mark in parts:
        yield f"  {mark} {name:9} {amount:7} MiB {100 * amount / plan.gpu_memory_mib:5.1f} %"
    yield f"    the first requests need {memory.reserve_mib} MiB of what is free after the KV cache"


def _bar(parts: Sequence[tuple[int, str]], total: int) -> str:
    """Return a bar whose length is the whole and whose parts are rounded at their ends."""
    bar, end = "", 0
    for amount, mark in parts:
        end += amount
        bar += mark * (round(end * _BAR_WIDTH / total) - len(bar))
    return bar


def _command(arguments: Sequence[str]) -> Iterator[str]:
    yield "  " + shlex.join(arguments[:4])
    for start, flag in enumerate(arguments):
        if start >= 4 and flag.startswith("--"):
            following = arguments[start + 1 : start + 2]
            value = [item for item in following if not item.startswith("--")]
            yield "    " + shlex.join([flag, *value])


def _listed(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield ""
        yield f"  {title}"
        for item in items:
            yield f"  - {item}"


def _alternative(item: Alternative) -> str:
    weights = "AWQ" if item.quantization == "AWQ" else "full precision"
    return f"{item.gpus}, {weights}: {item.outcome}, {item.used_mib} MiB used; {item.reason}"
