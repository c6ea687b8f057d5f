"""The machine that the figures are from."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.programs.versions import ETCD, KUBERNETES


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures depend on.

    Attributes:
        processor: model name.
        cores: that this process may use.
        memory_gib: of the machine.
        load: processes that wanted to run in the minute before, on average.
        software: versions of what takes part.
    """

    processor: str
    cores: int
    memory_gib: int
    load: float
    software: str

    def __str__(self) -> str:
        return f"{self.cores} cores of {self.processor}, {self.memory_gib} GiB, load {self.load:.1f}; {self.software}"


def this_machine() -> Machine:
    """Return the machine that runs this."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Machine(
        processor=found[1].strip() if found else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30,
        load=os.getloadavg()[0],
        software=f"Python {platform.python_version()}, Kubernetes {KUBERNETES.version}, etcd {ETCD.version}",
    )
