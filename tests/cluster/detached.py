"""A cluster that stays up behind the shell: a supervisor process keeps it, and `down` ends that one."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from tests.cluster.components import healthy
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.processes import ProcessError
from tests.cluster.programs.binaries import locate
from tests.cluster.simulated_nodes import add_nodes, gpu_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

UP_SECONDS = 180.0
DOWN_SECONDS = 30.0
POLL_SECONDS = 0.05
SPAWNED = "run"


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Files by which `up`, the supervisor and `down` know of each other."""

    path: Path

    @property
    def lock(self) -> Path:
        """Locked while a supervisor lives; holds its process id."""
        return self.path / "lock"

    @property
    def state(self) -> Path:
        """Process ids by name; there as soon as everything is ready."""
        return self.path / "state"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.path / "kubeconfig"

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.path / "supervisor.log"

    @property
    def cluster(self) -> Path:
        """Data and logs of the cluster's processes."""
        return self.path / "cluster"

    def supervised(self) -> bool:
        """Whether a supervisor lives; a lock, unlike a process id, cannot pass to a stranger."""
        if not self.lock.exists():
            return False
        with self.lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def supervision(self) -> Iterator[None]:
        """Be the supervisor.

        Raises:
            BlockingIOError: There is one already.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self.lock.open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `up` brings up beside the control plane.

    Attributes:
        nodes: Simulated nodes with eight A100-80GB each.
        crds: Files with CustomResourceDefinitions to apply.
        command: Shell command to keep running, with KUBECONFIG set; empty: none.
        command_user: Whose KUBECONFIG the command gets.
        ready_url: Answers 200 when the command is ready; empty: it is ready once it has started.
    """

    nodes: int
    crds: Sequence[Path]
    command: str
    command_user: str
    ready_url: str


def up(directory: StateDirectory, supervisor_command: Sequence[str]) -> None:
    """Start a supervisor and wait until its cluster is ready; nothing when one lives already.

    Args:
        directory: Where the cluster keeps its files.
        supervisor_command: Runs `supervise` for the same directory.

    Raises:
        ProcessError: It ended or was not ready in time.
    """
    alive = directory.supervised
    if not alive():
        locate()  # here, where its progress is seen
        directory.path.mkdir(parents=True, exist_ok=True)
        directory.state.unlink(missing_ok=True)
        alive = _start_supervisor(directory, supervisor_command)
    deadline = time.monotonic() + UP_SECONDS
    while not directory.state.exists():
        if not alive():
            raise ProcessError(f"The cluster did not come up:\n{directory.log.read_text()}")
        if time.monotonic() > deadline:
            raise ProcessError(f"The cluster was not up after {UP_SECONDS:g} s; see {directory.path}.")
        time.sleep(POLL_SECONDS)
    print(f"export KUBECONFIG={shlex.quote(str(directory.kubeconfig))}")


def _start_supervisor(directory: StateDirectory, command: Sequence[str]) -> Callable[[], bool]:
    with directory.log.open("wb") as log:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return lambda: supervisor.poll() is None


def down(directory: StateDirectory) -> None:
    """Stop a supervisor and its cluster; nothing when none lives."""
    deadline = time.monotonic() + DOWN_SECONDS
    if directory.supervised():
        pid = int(directory.lock.read_text())
        os.kill(pid, signal.SIGTERM)
        while directory.supervised():
            if time.monotonic() > deadline:
                # The cluster's guardian ends what the supervisor could not.
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    for file in (directory.state, directory.kubeconfig):
        file.unlink(missing_ok=True)


def supervise(directory: StateDirectory, wanted: Wanted) -> NoReturn:
    """Keep a new cluster until SIGTERM or SIGINT comes."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with directory.supervision():
        shutil.rmtree(directory.cluster, ignore_errors=True)
        with LocalCluster(directory.cluster) as cluster:
            _furnish(cluster, wanted)
            shutil.copy(cluster.kubeconfig(), directory.kubeconfig)
            pids = {name: process.pid for name, process in cluster.processes.items()}
            complete = directory.state.with_suffix(".new")
            complete.write_text(json.dumps({"supervisor": os.getpid(), **pids}, indent=2) + "\n")
            complete.replace(directory.state)
            _report_ends(cluster)


def _furnish(cluster: LocalCluster, wanted: Wanted) -> None:
    install_crds(cluster, *wanted.crds)
    if wanted.nodes:
        add_nodes(cluster, [gpu_node(f"gpu-{number}") for number in range(wanted.nodes)])
    if wanted.command:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig(wanted.command_user))}
        ready = partial(healthy, wanted.ready_url) if wanted.ready_url else lambda: True
        cluster.spawn(SPAWNED, ["/bin/sh", "-c", wanted.command], environment, ready)


def _report_ends(cluster: LocalCluster) -> NoReturn:
    """Say once of each process that it has ended by itself; the others go on."""
    reported: set[str] = set()
    while True:
        for name, process in cluster.processes.items():
            if not process.running and name not in reported:
                reported.add(name)
                print(f"{name} ended with exit code {process.exit_code}.\n{process.log_tail()}", flush=True)
        time.sleep(1)
