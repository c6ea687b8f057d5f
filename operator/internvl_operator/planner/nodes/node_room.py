"""How much cpu, memory and disk a node leaves to a model, and what fits into it.

What pods of the system request there cannot be known without a look at all pods, so an allowance stands for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.text.quantity import parse_quantity

_SYSTEM_CPU_MILLIS = 500
"""What the DaemonSets of GKE, EKS and AKS request of a node at most, with the GPU's own and a log collector."""
_SYSTEM_MEMORY_MIB = 768
"""The same of memory."""
_LEAST_CPU_MILLIS = 500
"""With less the server would answer too slowly to be of use."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a node offers to one model; None is not known.

    Args:
        gpus: whole GPUs or slices.
        cpu_millis: thousandths of a core.
        memory_mib: MiB of memory.
        disk_mib: MiB of ephemeral storage.
    """

    gpus: int
    cpu_millis: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """What a replica needs beside its GPUs, or None where the spec says it.

    Args:
        cpu_millis: thousandths of a core to serve fast; fewer will do.
        memory_mib: MiB of memory, no less.
        disk_mib: MiB of ephemeral storage, no less; 0 where the files are kept elsewhere.
    """

    cpu_millis: int | None
    memory_mib: int | None
    disk_mib: int | None


def room_of(node: Mapping[str, Any], gpus: int) -> Room:
    """Return what a node leaves to a model when only pods of the system run there."""
    offered = node.get("status", {}).get("allocatable", {})
    cpu, memory = _amount(offered, "cpu", 1000), _amount(offered, "memory", 1 / 2**20)
    return Room(
        gpus=gpus,
        cpu_millis=None if cpu is None else max(0, cpu - _SYSTEM_CPU_MILLIS),
        memory_mib=None if memory is None else max(0, memory - _SYSTEM_MEMORY_MIB),
        disk_mib=_amount(offered, "ephemeral-storage", 1 / 2**20),
    )


def cpu_that_fits(rooms: Iterable[Room], gpus: int, needs: HostNeeds) -> int | None:
    """Return the thousandths of a core that a replica may request, where that is less than it needs."""
    if needs.cpu_millis is None:
        return None
    offered = [room.cpu_millis for room in rooms if _lacks(room, gpus, needs) is None]
    if not offered or any(cpu is None or cpu >= needs.cpu_millis for cpu in offered):
        return None
    return max(cpu for cpu in offered if cpu is not None)


def why_no_room(rooms: Iterable[Room], gpus: int, needs: HostNeeds) -> str | None:
    """Return why a replica fits on none of the nodes, with the field to change; None where it may."""
    enough = [room for room in rooms if room.gpus >= gpus]
    lacks = [_lacks(room, gpus, needs) for room in enough]
    if not enough or None in lacks:
        return None
    what = max((each for each in lacks if each), key=lambda each: each[1])[0]
    match what:
        case "cpu":
            most = max(room.cpu_millis or 0 for room in enough)
            return (
                f"the nodes leave at most {most}m of cpu to a model, too little to serve: use larger nodes, or set "
                "podTemplate.resources.requests.cpu"
            )
        case "memory":
            most = max(room.memory_mib or 0 for room in enough)
            return (
                f"a replica needs {needs.memory_mib} MiB of its node's memory, and the nodes leave at most {most} MiB: "
                "use larger nodes, or set podTemplate.resources.requests.memory"
            )
        case _:
            most = max(room.disk_mib or 0 for room in enough)
            return (
                f"the files need {needs.disk_mib} MiB of ephemeral storage, and the nodes have at most {most} MiB: "
                "keep them in a claim with model.cache, use nodes with a larger disk, or set "
                "podTemplate.resources.requests.ephemeral-storage"
            )


def _lacks(room: Room, gpus: int, needs: HostNeeds) -> tuple[str, int] | None:
    """Return what a node has too little of, and how near it is to having enough."""
    if room.gpus < gpus:
        return ("gpus", 0)
    if _is_less(room.memory_mib, needs.memory_mib):
        return ("memory", 1)
    if _is_less(room.disk_mib, needs.disk_mib):
        return ("disk", 2)
    if needs.cpu_millis is not None and _is_less(room.cpu_millis, _LEAST_CPU_MILLIS):
        return ("cpu", 3)
    return None


def _is_less(offered: int | None, needed: int | None) -> bool:
    return offered is not None and needed is not None and offered < needed


def _amount(offered: Mapping[str, Any], resource: str, scale: float) -> int | None:
    """Return an allocatable amount in other units, or None where it is absent or no quantity."""
    try:
        return int(float(parse_quantity(str(offered[resource]))) * scale)
    except (KeyError, ValueError):
        return None
