"""How much CPU, memory and disk a node leaves to a model, and whether a replica fits.

System pods take a part of each node. What they request is not read from the cluster, as that would take a watch of all
pods: a fixed allowance is subtracted instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.text.quantity import parse_quantity

_SYSTEM_CPU_MILLIS = 500
"""Allowance for system pods: the most that the DaemonSets of GKE, EKS and AKS request, with those for GPUs and logs."""
_SYSTEM_MEMORY_MIB = 768
"""The same allowance for memory."""
_LEAST_CPU_MILLIS = 500
"""The least CPU request of a replica: with less the server would be too slow to be of use."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a node offers to one model; None where the node does not say.

    Args:
        gpus: number of whole GPUs, or of MIG slices.
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
    """What a replica needs besides its GPUs; None where the spec itself sets the request.

    Args:
        cpu_millis: thousandths of a core to serve at full speed; the replica also runs with fewer.
        memory_mib: MiB of memory; it does not run with less.
        disk_mib: MiB of ephemeral storage; it does not run with less. None too where the files are on another volume.
    """

    cpu_millis: int | None
    memory_mib: int | None
    disk_mib: int | None


def room_of(node: Mapping[str, Any], gpus: int) -> Room:
    """Return what a node leaves to a model if only system pods run there.

    Args:
        node: the Node object.
        gpus: number of the node's GPUs that the model may use.
    """
    offered = node.get("status", {}).get("allocatable", {})
    cpu, memory = _amount(offered, "cpu", 1000), _amount(offered, "memory", 1 / 2**20)
    return Room(
        gpus=gpus,
        cpu_millis=None if cpu is None else max(0, cpu - _SYSTEM_CPU_MILLIS),
        memory_mib=None if memory is None else max(0, memory - _SYSTEM_MEMORY_MIB),
        disk_mib=_amount(offered, "ephemeral-storage", 1 / 2**20),
    )


def cpu_that_fits(rooms: Iterable[Room], gpus: int, needs: HostNeeds) -> int | None:
    """Return the most CPU that the nodes can offer a replica, in thousandths of a core.

    None where they offer what the replica needs, where the spec sets the request, and where no node fits.
    """
    if needs.cpu_millis is None:
        return None
    offered = [room.cpu_millis for room in rooms if _first_lack(room, gpus, needs) is None]
    if not offered or any(cpu is None or cpu >= needs.cpu_millis for cpu in offered):
        return None
    return max(cpu for cpu in offered if cpu is not None)


def why_no_room(rooms: Iterable[Room], gpus: int, needs: HostNeeds) -> str | None:
    """Return why a replica fits on none of the nodes, with the field to change; None where it may fit.

    The reason is that of the nodes that come closest to having room.
    """
    enough = [room for room in rooms if room.gpus >= gpus]
    lacks = [_first_lack(room, gpus, needs) for room in enough]
    if not enough or None in lacks:
        return None
    match max((lack for lack in lacks if lack), key=_CHECKS.index):
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


_CHECKS = ("gpus", "memory", "disk", "cpu")
"""What a node is checked for, in this order: a node that fails a later check is closer to having room."""


def _first_lack(room: Room, gpus: int, needs: HostNeeds) -> str | None:
    """Return the first of ``_CHECKS`` that a node fails, or None when it passes all."""
    if room.gpus < gpus:
        return "gpus"
    if _is_less(room.memory_mib, needs.memory_mib):
        return "memory"
    if _is_less(room.disk_mib, needs.disk_mib):
        return "disk"
    if needs.cpu_millis is not None and _is_less(room.cpu_millis, _LEAST_CPU_MILLIS):
        return "cpu"
    return None


def _is_less(offered: int | None, needed: int | None) -> bool:
    return offered is not None and needed is not None and offered < needed


def _amount(offered: Mapping[str, Any], resource: str, scale: float) -> int | None:
    """Return an allocatable amount times ``scale``, or None where it is absent or not a quantity."""
    try:
        return int(float(parse_quantity(str(offered[resource]))) * scale)
    except (KeyError, ValueError):
        return None
