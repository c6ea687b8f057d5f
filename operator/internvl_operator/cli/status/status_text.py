"""The state of resources for people, on one screen."""

from collections.abc import Iterator, Sequence

from internvl_operator.cli.status.capacity import Capacity
from internvl_operator.cli.status.durations import short
from internvl_operator.cli.status.status_row import Row, short_plan

_Table = list[tuple[str, ...]]


def status_text(rows: Sequence[Row], capacity: Sequence[Capacity], namespaces: bool, details: bool) -> str:
    """Return the state of resources, and the cluster's GPUs.

    Args:
        rows: the resources.
        capacity: empty when it cannot be told.
        namespaces: whether to tell the resources' namespaces.
        details: whether to tell endpoint, memory and reason of the plans.
    """
    header: _Table = [("NAME", "SIZE", "READY", "STATE", "FOR", "SESSIONS", "PLAN")]
    lines = _aligned(header + [_cells(row) for row in rows])
    if namespaces:
        names = _aligned([("NAMESPACE",), *((row.namespace,) for row in rows)])
        lines = [f"{name}  {line}" for name, line in zip(names, lines, strict=True)]
    text = [lines[0]]
    for row, line in zip(rows, lines[1:], strict=True):
        text += [line, *(f"  {note}" for note in (*row.notes(), *(_details(row) if details else ())))]
    if capacity:
        text += ["", *_capacity(capacity)]
    return "\n".join(line.rstrip() for line in text)


def _cells(row: Row) -> tuple[str, ...]:
    plan = row.plan
    is_planned = plan is not None and plan["outcome"] == "ok"
    return (
        row.name,
        str(row.body["spec"].get("size", "-")),
        str(row.status.get("ready", "-")),
        row.state,
        "-" if row.waited is None else short(row.waited),
        str(plan["concurrentSessions"]) if plan and is_planned else "-",
        short_plan(plan) if plan and is_planned else "-",
    )


def _details(row: Row) -> Iterator[str]:
    status, plan = row.status, row.plan
    if "endpoint" in status:
        yield f"endpoint   {status['endpoint']}  model {status.get('modelName', '-')}"
    if plan is None:
        return
    memory = plan["memory"]
    yield f"plan       {plan['reason']}"
    yield (
        f"memory     {memory['usedMiB']} of {plan['gpuMemoryMiB']} MiB per GPU, "
        f"KV cache {plan['kvTokens']} tokens, sessions of {plan['effectiveSessionLen']} tokens"
    )
    for warning in plan.get("warnings", ()):
        yield f"warning    {warning}"


def _capacity(capacity: Sequence[Capacity]) -> list[str]:
    rows: _Table = [("GPU", "NODES", "GPUS", "REQUESTED", "FREE", "FREE ON ONE NODE")]
    rows += [
        (each.product, *map(str, (each.nodes, each.gpus, each.requested, each.free, each.most_free)))
        for each in capacity
    ]
    return _aligned(rows)


def _aligned(rows: _Table) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
