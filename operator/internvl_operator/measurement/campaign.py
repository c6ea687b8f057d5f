"""Runs configurations one after the other, or several at once, and measures each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from internvl_operator.kube.objects import condition_of, is_true
from internvl_operator.kube.port import ClusterError, InvalidError, ThrottledError, UnavailableError
from internvl_operator.measurement.configuration import Configuration
from internvl_operator.measurement.gpu_memory import ReadingError
from internvl_operator.measurement.measurement import INVALID, Measurement

_POLL_SECONDS = 2.0


class Laboratory(Protocol):
    """Where configurations run. Every method may raise a ClusterError."""

    async def start(self, configuration: Configuration) -> None:
        """Make the configuration's resource, in place of one that an earlier run left."""
        ...

    async def status(self, configuration: Configuration) -> Mapping[str, Any]:
        """Return the status of the configuration's resource."""
        ...

    async def used_memory(self, configuration: Configuration) -> tuple[int, ...]:
        """Return the MiB that each GPU of the configuration's pod uses.

        Raises:
            ReadingError: the memory cannot be read.
        """
        ...

    async def stop(self, configuration: Configuration) -> None:
        """Delete the configuration's resource and wait until its pods are gone; one that is not there is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Campaign:
    """How configurations are measured.

    Args:
        laboratory: where they run.
        timeout_seconds: longest wait for a configuration to become ready.
        clock: monotonic seconds.
        report: called with what a configuration waits for.
        poll_seconds: time between two looks at a configuration.
    """

    laboratory: Laboratory
    timeout_seconds: float
    clock: Callable[[], float]
    report: Callable[[Configuration, str], None] = lambda *_: None
    poll_seconds: float = _POLL_SECONDS

    async def run(
        self, configurations: Sequence[Configuration], at_once: int = 1
    ) -> AsyncIterator[Measurement]:
        """Yield the measurement of each configuration when it is done. At the end, all that was started is stopped.

        Raises:
            ClusterError: the API failed in a way that would stop every other configuration too.
        """
        waiting = iter(configurations)
        running: set[asyncio.Task[Measurement]] = set()
        try:
            while True:
                for configuration in waiting:
                    running.add(asyncio.create_task(self.measure(configuration)))
                    if len(running) == at_once:
                        break
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def measure(self, configuration: Configuration) -> Measurement:
        """Start a configuration, measure it, and stop it.

        Raises:
            ClusterError: the API failed.
        """
        try:
            await self.laboratory.start(configuration)
            return await self._measured(configuration)
        except InvalidError as error:
            return Measurement(configuration, reason=INVALID, message=str(error))
        finally:
            # Also when the run is interrupted.
            await self.laboratory.stop(configuration)

    async def _measured(self, configuration: Configuration) -> Measurement:
        started, reason, message = self.clock(), "", ""
        while True:
            try:
                status = await self.laboratory.status(configuration)
            except (UnavailableError, ThrottledError) as error:
                # What takes minutes to start is not given up for an API server that is away for seconds.
                status = {}
                self.report(configuration, str(error))
            ready = condition_of(status, "Ready") or {}
            seconds, plan = self.clock() - started, status.get("plan")
            if is_true(status, "Ready"):
                return await self._read(configuration, plan, seconds)
            reason, message = ready.get("reason", "Unseen"), ready.get("message", "")
            if is_true(status, "Stalled"):
                return Measurement(configuration, plan, reason=reason, message=message)
            if seconds > self.timeout_seconds:
                late = f"not ready after {self.timeout_seconds:g} s: {message}"
                return Measurement(configuration, plan, reason=reason, message=late)
            self.report(configuration, f"{reason} for {seconds:.0f} s")
            await asyncio.sleep(self.poll_seconds)

    async def _read(
        self, configuration: Configuration, plan: Mapping[str, Any] | None, seconds: float
    ) -> Measurement:
        try:
            used = await self.laboratory.used_memory(configuration)
        except (ReadingError, ClusterError) as error:
            return Measurement(configuration, plan, seconds=seconds, reason="NotRead", message=str(error))
        return Measurement(configuration, plan, used, seconds)
