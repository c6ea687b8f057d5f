"""A server of the campaign: the rendered container, pinned to cores, with the environment that is compared."""

from __future__ import annotations

import os
import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gpu.cases import Case, container, rendered
from tests.gpu.container.pod import Isolation, Pod
from tests.gpu.container.probing import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gpu.container.manifest import Container
    from tests.speed.cells import Server

_POLL_SECONDS = 0.2
_ENDING_LINES = 15
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class ServerFailedError(Exception):
    """A server did not come up; the message holds the end of its output."""


def container_for(server: Server, product: str) -> Container:
    """Return the container that ``internvl render`` gives for a server's spec, changed as the server says.

    Args:
        server: of the campaign.
        product: the GPU to plan for.
    """
    serving = container(
        rendered(Case(server.name.replace(" ", "-").replace(",", ""), dict(server.spec)), product)
    )
    command = serving.command if server.cpus is None else (*pinning(server.cpus), *serving.command)
    environment = serving.env if server.environment is None else server.environment
    return replace(serving, command=command, env=environment)


def pinning(cpus: int) -> tuple[str, ...]:
    """Return the command that lets what follows it run on the first cores only."""
    return ("taskset", "--cpu-list", f"0-{cpus - 1}")


def command_line(serving: Container) -> str:
    """Return what a person types to run a container: its environment, and its command."""
    variables = [f"{name}={value}" for name, value in serving.env.items()]
    return shlex.join((*variables, *serving.command))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    pod: Pod
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server's processes have taken so far."""
        return cpu_seconds(self.pod.process_id)


@contextmanager
def running(serving: Container, model: Path, directory: Path, wait_seconds: float) -> Iterator[Running]:
    """Run a container as long as the context lasts.

    Args:
        serving: what to run.
        model: directory of its checkpoint.
        directory: for its scratch volume and its log.
        wait_seconds: for its health.

    Raises:
        ServerFailedError: it did not become healthy in that time.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "engine.log"
    pod = Pod(serving, model, directory / "scratch", log, Isolation(mounts=False, user=False))
    pod.start()
    try:
        deadline = time.monotonic() + wait_seconds
        while not ask(serving.probes["readinessProbe"], serving.port).passed:
            if pod.exit_code is not None or time.monotonic() > deadline:
                ending = "\n".join(pod.output().splitlines()[-_ENDING_LINES:])
                raise ServerFailedError(f"{serving.name} is not healthy:\n{ending}")
            time.sleep(_POLL_SECONDS)
        yield Running(pod, serving.port)
    finally:
        pod.kill()


def cpu_seconds(session: int) -> float:
    """Return the CPU time of the processes in a session, as Linux counts it: user and system."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold spaces; the fields after it are numbered from 3 on in proc(5).
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _CLOCK_TICKS
