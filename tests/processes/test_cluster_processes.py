"""Processes of the local cluster: started, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process, ProcessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# Says its group, and waits for ever in a child, so that ending the first process alone is not enough.
FAMILY = ["/bin/sh", "-c", "echo $$; sleep 1000; :"]
STARTER = """
import sys, time
from pathlib import Path
from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process
directory = Path(sys.argv[1])
process = Process("family", ["/bin/sh", "-c", "sleep 1000; :"], directory / "log", Guardian(directory))
process.start()
print(process.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    guardian = Guardian()
    yield guardian
    guardian.dismiss()


@pytest.fixture
def process(tmp_path: Path, guardian: Guardian) -> Callable[[Sequence[str]], Process]:
    return lambda argv: Process("family", argv, tmp_path / "log", guardian)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def group_lives(group: int) -> bool:
    """Whether a process of the group runs; one that waits to be reaped does not."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [row.split() for row in listed.stdout.splitlines()]
    return any(int(pgid) == group and not stat.startswith("Z") for pgid, stat in rows)


def test_one_that_ends_before_it_is_ready_is_an_error_that_quotes_its_log(
    tmp_path: Path, guardian: Guardian
) -> None:
    failing = Process(
        "etcd", ["/bin/sh", "-c", "echo no space; exit 3"], tmp_path / "log", guardian, ready=lambda: False
    )
    with pytest.raises(ProcessError, match=r"etcd ended with exit code 3(.|\n)*no space"):
        failing.start()


def test_one_that_ended_is_not_ready_though_its_port_answers(tmp_path: Path, guardian: Guardian) -> None:
    failing = Process("etcd", ["/bin/false"], tmp_path / "log", guardian, ready=lambda: not failing.running)
    with pytest.raises(ProcessError, match="ended with exit code 1"):
        failing.start()


def test_one_that_is_not_ready_in_time_is_stopped(tmp_path: Path, guardian: Guardian) -> None:
    slow = Process("etcd", FAMILY, tmp_path / "log", guardian, ready=lambda: False)
    with pytest.raises(ProcessError, match=r"etcd was not ready after 0\.2 s"):
        slow.start(timeout=0.2)
    assert not slow.running
    assert wait_until(lambda: not group_lives(slow.pid))


def test_stop_ends_the_children_too(process: Callable[[Sequence[str]], Process]) -> None:
    family = process(FAMILY)
    family.start()
    family.stop()
    assert wait_until(lambda: not group_lives(family.pid))


def test_a_suspended_one_still_obeys_sigterm(process: Callable[[Sequence[str]], Process]) -> None:
    family = process(FAMILY)
    family.start()
    family.suspend()
    family.stop()
    assert family.exit_code == -signal.SIGTERM


def test_one_that_ignores_sigterm_is_killed(process: Callable[[Sequence[str]], Process]) -> None:
    stubborn = process(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1000; done"])
    stubborn.start()
    assert wait_until(lambda: "deaf" in stubborn.log_tail())
    stubborn.stop(timeout=0.2)
    assert not stubborn.running


def test_one_that_was_stopped_can_be_started_again_and_keeps_its_log(
    process: Callable[[Sequence[str]], Process],
) -> None:
    family = process(FAMILY)
    pids = []
    for _ in range(2):
        family.start()
        pids.append(str(family.pid))
        assert wait_until(lambda: pids[-1] in family.log_tail())
        family.kill()
    assert family.log_tail().splitlines()[1:] == pids


def test_one_that_runs_cannot_be_started_twice(process: Callable[[Sequence[str]], Process]) -> None:
    family = process(FAMILY)
    family.start()
    with pytest.raises(ProcessError, match="runs already"):
        family.start()
    family.kill()


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_nothing_outlives_a_starter_that_is_ended(signal_name: str, tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    directory.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as starter:
        assert starter.stdout is not None
        group = int(starter.stdout.readline())
        assert group_lives(group)
        subprocess.run(["kill", f"-{signal_name.removeprefix('SIG')}", str(starter.pid)], check=True)
    assert wait_until(lambda: not group_lives(group))
    assert wait_until(lambda: not directory.exists())
