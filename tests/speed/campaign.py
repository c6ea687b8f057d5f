"""Measures servers one after the other, and keeps each figure as soon as it is there."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from internvl_operator.catalog.models import INTERNVL2, find_model
from tests.gpu.checkpoint import tensors, write_checkpoint
from tests.gpu.run import today
from tests.speed.figures import NoAnswerError, Row, append, figures, measured, read
from tests.speed.random_weights import fill
from tests.speed.requests.load import complete, drive
from tests.speed.requests.pictures import bodies
from tests.speed.serving import ServerFailedError, command_line, container_for, running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from internvl_operator.catalog.models import Model
    from tests.gpu.container.manifest import Container
    from tests.speed.cells import Server
    from tests.speed.requests.workloads import Workload
    from tests.speed.serving import Running

_DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Where and how servers are measured.

    Attributes:
        machine: This boot of this machine.
        gpu: As nvidia-smi names it.
        engine: LMDeploy's release.
        directory: For checkpoints, scratch volumes and logs.
        results: The CSV file.
        warm_up: Seconds before each measured part.
        seconds: Of each measured part.
        wait_seconds: For a server's health.
        tell: Called with each line for the person who waits.
    """

    machine: str
    gpu: str
    engine: str
    directory: Path
    results: Path
    warm_up: float
    seconds: float
    wait_seconds: float
    tell: Callable[[str], None]

    def run(self, servers: Sequence[Server], until: float) -> bool:
        """Measure what is not measured yet; return whether every server came up and answered.

        Args:
            servers: in the order in which they are measured.
            until: ``time.monotonic()`` after which no server is started.
        """
        all_came_up = True
        for server in servers:
            missing = self._missing(server)
            if not missing:
                continue
            if time.monotonic() > until:
                self.tell(f"{server.name}: no time is left")
                continue
            try:
                all_came_up &= self._measure(server, missing)
            except (ServerFailedError, OSError) as error:
                self.tell(f"{server.name}: {error}")
                all_came_up = False
        return all_came_up

    def _missing(self, server: Server) -> list[Workload]:
        known = measured(read(self.results))
        return [workload for workload in server.workloads if self._key(server, workload) not in known]

    def _key(self, server: Server, workload: Workload) -> tuple[str, ...]:
        form = (workload.image, workload.in_flight, workload.output_tokens)
        arrivals = "" if workload.arrivals_per_s is None else workload.arrivals_per_s
        return (self.machine, server.name, *map(str, (*form, arrivals, workload.answers_spread)))

    def _measure(self, server: Server, workloads: Sequence[Workload]) -> bool:
        """Measure a server under each load, and return whether it answered under every one of them."""
        serving = container_for(server, self.gpu.replace(" ", "-"))
        model = self._checkpoint(
            find_model(server.spec.get("series", INTERNVL2), server.spec["size"]),
            server.spec.get("quantization") == "AWQ",
        )
        directory = self.directory / server.name.replace(" ", "-").replace(",", "")
        asked, answered = time.monotonic(), True
        with running(serving, model, directory, self.wait_seconds) as server_running:
            self.tell(f"{server.name}: healthy after {time.monotonic() - asked:.0f} s")
            for workload in workloads:
                name = f"{server.name}, {workload.image or 'text'}, {workload.offered}"
                try:
                    row = self._row(server, serving, server_running, workload)
                except NoAnswerError as error:
                    self.tell(f"{name}: {error}")
                    answered = False
                    continue
                append(self.results, row)
                self.tell(f"{name}: {row.figures} {row.cpus_used} cores used")
        return answered

    def _row(self, server: Server, serving: Container, server_running: Running, workload: Workload) -> Row:
        name = serving.command[serving.command.index("--model-name") + 1]
        requests = bodies(workload, name)
        # The first request pays for what is compiled and allocated once.
        complete(server_running.port, requests[0])
        begun, used = time.monotonic(), server_running.cpu_seconds()
        seen = drive(
            server_running.port,
            requests,
            workload.in_flight,
            arrivals_per_s=workload.arrivals_per_s,
            warm_up=self.warm_up,
            seconds=self.seconds,
        )
        busy = (server_running.cpu_seconds() - used) / (time.monotonic() - begun)
        return Row(
            date=today(),
            machine=self.machine,
            gpu=self.gpu,
            engine=self.engine,
            server=server.name,
            image=workload.image,
            in_flight=workload.in_flight,
            output_tokens=workload.output_tokens,
            arrivals_per_s=workload.arrivals_per_s,
            answers_spread=workload.answers_spread,
            cpus=server.cpus or len(os.sched_getaffinity(0)),
            cpus_used=round(busy, 2),
            warm_up_s=self.warm_up,
            figures=figures(seen, workload.in_flight),
            command=command_line(serving),
        )

    def _checkpoint(self, model: Model, awq: bool) -> Path:
        name = f"{model.short_name}-AWQ" if awq else model.short_name
        directory = self.directory / "models" / name
        if not (directory / _DONE).exists():
            self.tell(f"{name}: writing random weights")
            self._make_room(sum(tensor.size for tensor in tensors(model, awq).values()))
            write_checkpoint(model, awq, directory)
            fill(directory, model)
            (directory / _DONE).touch()
        return directory

    def _make_room(self, size: int) -> None:
        """Remove checkpoints until so many bytes are free, or none is left."""
        for checkpoint in sorted((self.directory / "models").glob("*")):
            if shutil.disk_usage(self.directory).free > size:
                return
            shutil.rmtree(checkpoint)
