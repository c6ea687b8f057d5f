"""Probes as the kubelet runs them.

Each probe has a ticker of its own, from the container's start on. Readiness and liveness wait for startup;
readiness is then tried at once, liveness at its next tick (pkg/kubelet/prober/worker.go of Kubernetes).
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.gpu.container.manifest import Probe

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe met: whether it passed, and the HTTP status or the error."""

    passed: bool
    detail: str


def ask(probe: Probe, port: int) -> Answer:
    """Run a probe once. As for the kubelet, any status from 200 to 399 passes."""
    try:
        if probe.path is None:
            socket.create_connection((HOST, port), probe.timeout).close()
            return Answer(True, "connected")
        connection = http.client.HTTPConnection(HOST, port, timeout=probe.timeout)
        try:
            connection.request("GET", probe.path, headers={"Connection": "close"})
            status = connection.getresponse().status
        finally:
            connection.close()
        return Answer(200 <= status < 400, str(status))
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, type(error).__name__)


class Prober:
    """Runs the probes of one container in threads and tells each change of an answer.

    Args:
        probes: By kind.
        port: Of the container.
        tell: Called with a line for each answer that differs from the probe's last.
    """

    def __init__(self, probes: Mapping[str, Probe], port: int, tell: Callable[[str], None]) -> None:
        self._probes = probes
        self._port = port
        self._tell = tell
        self._ended = threading.Event()
        self._passed = {kind: threading.Event() for kind in probes}
        self._first_pass: dict[str, float] = {}
        self._exhausted: set[str] = set()
        self._threads = [threading.Thread(target=self._run, args=(probe,)) for probe in probes.values()]

    def start(self) -> None:
        """Begin with the container's start."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all probes and wait for those under way."""
        self._ended.set()
        for passed in self._passed.values():
            passed.set()
        for thread in self._threads:
            thread.join()

    def first_pass(self, kind: str) -> float | None:
        """The monotonic time at which a probe passed first."""
        return self._first_pass.get(kind)

    def exhausted(self, kind: str) -> bool:
        """Whether a probe failed as often in a row as its threshold: the kubelet would end the container."""
        return kind in self._exhausted

    def _run(self, probe: Probe) -> None:
        started = time.monotonic()
        if probe.kind == "readinessProbe":
            self._passed["startupProbe"].wait()
        last, failures, tick = "", 0, 0
        while not self._ended.is_set():
            if probe.kind == "startupProbe" or self._passed["startupProbe"].is_set():
                answer = ask(probe, self._port)
                if answer.detail != last:
                    outcome = "passes" if answer.passed else "fails"
                    self._tell(f"{probe.kind} {outcome}: {answer.detail}")
                    last = answer.detail
                failures = 0 if answer.passed else failures + 1
                if answer.passed:
                    self._first_pass.setdefault(probe.kind, time.monotonic())
                    self._passed[probe.kind].set()
                    if probe.kind == "startupProbe":
                        return
                if failures >= probe.failure_threshold:
                    self._exhausted.add(probe.kind)
            # As a Go ticker, which leaves out the ticks that nobody waited for.
            tick = max(tick + 1, int((time.monotonic() - started) / probe.period))
            self._ended.wait(max(0.0, started + tick * probe.period - time.monotonic()))
