"""Control groups of a node, in every hierarchy of this machine."""

from __future__ import annotations

from pathlib import Path


def hierarchies() -> list[Path]:
    """Where the hierarchies are mounted: one for each controller, or one for all."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(place) for _, place, kind, *_ in mounts if kind in {"cgroup", "cgroup2"}]


def directories(name: str) -> list[Path]:
    """The directories of a control group directly below the root."""
    return [hierarchy / name for hierarchy in hierarchies()]


def create(name: str) -> None:
    """Make a control group in which groups may be made."""
    for directory in directories(name):
        directory.mkdir(exist_ok=True)
        # The first version's cpuset is empty until someone says otherwise.
        for file in ("cpuset.cpus", "cpuset.mems"):
            own, parents = directory / file, directory.parent / file
            if own.exists() and parents.exists() and not own.read_text().strip():
                own.write_text(parents.read_text())
