"""Kills a cluster's processes when the program that started them is gone, however it went.

A context manager does not run after SIGKILL or SIGTERM, and Linux's parent-death signal fires when the
starting *thread* ends, which pytest and asyncio bring about in normal work. So a second process holds the
reading end of a pipe: when the starter dies, the kernel closes the writing end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REMOVAL_SECONDS = 20.0
POLL_SECONDS = 0.05


class Guardian:
    """The starter's side: says which process groups, and which directories, must not outlive it.

    Args:
        directories: Removed when the processes are gone; control groups are directories too.
    """

    def __init__(self, *directories: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *map(str, directories)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Kill this process group with the starter."""
        self._tell("+", group)

    def forget(self, group: int) -> None:
        """Let go of a group that has ended: its number may be given to another."""
        self._tell("-", group)

    def dismiss(self) -> None:
        """End the guardian; what it still watches is killed, and the directories are removed."""
        self._process.communicate()

    def _tell(self, verb: str, group: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb}{group}\n")
        self._process.stdin.flush()


def guard(orders: IO[str], directories: Iterable[str]) -> None:
    """The guardian's side: follow the orders until the starter closes the pipe by ending."""
    groups: set[int] = set()
    for order in orders:
        group = int(order[1:])
        (groups.add if order[0] == "+" else groups.discard)(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for directory in directories:
        remove(directory)


def remove(directory: str) -> None:
    """Remove a directory, also a control group, which is busy until its last process is gone."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while os.path.exists(directory) and time.monotonic() < deadline:
        # The files of a control group cannot be removed, and need not: rmtree goes on to the directory.
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    guard(sys.stdin, sys.argv[1:])
