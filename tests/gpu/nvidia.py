"""GPU memory as nvidia-smi shows it, and a process that holds some of it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_FREED_SECONDS = 30.0
_FREED_WITHIN_MIB = 64


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of this machine; memory in MiB."""

    name: str
    driver: str
    total_mib: int


def gpus() -> list[Gpu]:
    """Return the GPUs of this machine.

    Raises:
        OSError: there is no nvidia-smi.
        subprocess.CalledProcessError: it fails.
    """
    return [
        Gpu(name, driver, int(total))
        for name, driver, total in _query("name", "driver_version", "memory.total")
    ]


def used_mib() -> list[int]:
    """Return the used memory of each GPU."""
    return [int(used) for (used,) in _query("memory.used")]


def most_used_mib(before: Sequence[int]) -> int:
    """Return what is used more than before, on the GPU where that is most."""
    return max(now - then for now, then in zip(used_mib(), before, strict=True))


def wait_until_freed(before: Sequence[int]) -> int:
    """Wait until no GPU holds noticeably more than before; return what is still held after 30 s, else 0."""
    deadline = time.monotonic() + _FREED_SECONDS
    while (more := most_used_mib(before)) > _FREED_WITHIN_MIB:
        if time.monotonic() > deadline:
            return more
        time.sleep(0.2)
    return 0


def _query(*fields: str) -> list[list[str]]:
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [[value.strip() for value in line.split(",")] for line in printed.splitlines()]


class SmallerCard:
    """Makes the first GPU a smaller one, while it is entered: a process with PyTorch holds the rest of its memory.

    Args:
        free_mib: What stays free, by nvidia-smi.
    """

    def __init__(self, free_mib: int) -> None:
        self._free_mib = free_mib
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> SmallerCard:
        command = [sys.executable, "-c", _HOLD, str(gpus()[0].total_mib - self._free_mib)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "held":
            self._process.kill()
            raise OSError("the process that stands for a smaller card could not take the memory")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        # It ends with its standard input.
        self._process.communicate()


_HOLD = """
import subprocess, sys, torch
def used():
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.check_output(query, text=True).splitlines()[0])
torch.empty(1, device="cuda:0")
held = [torch.empty((int(sys.argv[1]) - used()) << 20, dtype=torch.uint8, device="cuda:0")]
print("held", flush=True)
sys.stdin.read()
"""
