"""What a process has used, as Linux counts it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """A process's use of the machine since its start.

    Attributes:
        cpu_seconds: of all its threads, in user and kernel mode.
        rss_mib: resident memory now, in MiB.
        peak_rss_mib: the most resident memory so far, in MiB.
    """

    cpu_seconds: float
    rss_mib: float
    peak_rss_mib: float


def usage(pid: int) -> Usage:
    """Return what a running process has used.

    Raises:
        OSError: there is no such process.
    """
    process = Path(f"/proc/{pid}")
    return parse_usage((process / "stat").read_text(), (process / "status").read_text())


def parse_usage(stat: str, status: str) -> Usage:
    """Return what /proc/PID/stat and /proc/PID/status say (proc(5))."""
    # The second field is the command in parentheses, and may hold anything.
    fields = stat.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    kib = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return Usage((user + system) / _TICKS, int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024)
