"""The state of resources for people, on one screen."""

from collections.abc import Iterator, Sequence

from internvl_operator.cli.status.capacity import Capacity
from internvl_operator.cli.status.durations import short
from internvl_operator.cli.status.status_row import Row, short_plan
from internvl_operator.cli.text_table import aligned

_HEADER = ("NAMESPACE", "NAME", "SIZE", "READY", "STATE", "FOR", "SESSIONS", "PLAN")


def status_text(rows: Sequence[Row], capacity: Sequence[Capacity], namespaces: bool, details: bool) -> str:
    """Return a table of the resources with notes below each row, and a table of the cluster's GPUs.

    Args:
        rows: the resources.
        capacity: the GPUs by product; empty when they are unknown.
        namespaces: whether the table has a column for the namespace.
        details: whether the notes have endpoint, memory and reason of the plan.
    """
    first = 0 if namespaces else 1
    header, *lines = aligned([_HEADER[first:], *(_cells(row)[first:] for row in rows)])
    text = [header]
    for row, summary in zip(rows, lines, strict=True):
        notes = (*row.notes(), *(_details(row) if details else ()))
        text += [summary, *(f"  {note}" for note in notes)]
    if capacity:
        text += ["", *_capacity(capacity)]
    return "\n".join(line.rstrip() for line in text)


def _cells(row: Row) -> tuple[str, ...]:
    plan = row.plan
    is_planned = plan is not None and plan["outcome"] == "ok"
    return (
        row.namespace,
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
    header = ("GPU", "NODES", "GPUS", "REQUESTED", "FREE", "FREE ON ONE NODE")
    counts = (
        (each.product, *map(str, (each.nodes, each.gpus, each.requested, each.free, each.most_free)))
        for each in capacity
    )
    return aligned([header, *counts])
