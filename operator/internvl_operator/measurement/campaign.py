"""Runs cells one after the other, or several at once, and measures each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from internvl_operator.kube.port import ClusterError, InvalidError, ThrottledError, UnavailableError
from internvl_operator.measurement.configuration import Cell
from internvl_operator.measurement.gpu_memory import ReadingError
from internvl_operator.measurement.measurement import INVALID, Measurement

_POLL_SECONDS = 2.0


class Laboratory(Protocol):
    """Where cells run. Every method may raise a ClusterError."""

    async def start(self, cell: Cell) -> None:
        """Make the cell's resource, in place of one that an earlier run left."""
        ...

    async def status(self, cell: Cell) -> Mapping[str, Any]:
        """Return the status of the cell's resource."""
        ...

    async def used_memory(self, cell: Cell) -> tuple[int, ...]:
        """Return the MiB that each GPU of the cell's pod uses.

        Raises:
            ReadingError: it cannot be told.
        """
        ...

    async def stop(self, cell: Cell) -> None:
        """Delete the cell's resource and wait until its pods are gone; one that is not there is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Campaign:
    """How cells are measured.

    Args:
        laboratory: where they run.
        timeout_seconds: longest wait for a cell to become ready.
        clock: monotonic seconds.
        tell: is told what a cell waits for.
        poll_seconds: between two looks at a cell.
    """

    laboratory: Laboratory
    timeout_seconds: float
    clock: Callable[[], float]
    tell: Callable[[Cell, str], None] = lambda *_: None
    poll_seconds: float = _POLL_SECONDS

    async def run(self, cells: Sequence[Cell], at_once: int = 1) -> AsyncIterator[Measurement]:
        """Yield a measurement of each cell as it is made. However it ends, what was started is stopped.

        Raises:
            ClusterError: the API failed in a way that no other cell would fare better with.
        """
        waiting = iter(cells)
        running: set[asyncio.Task[Measurement]] = set()
        try:
            while True:
                for cell in waiting:
                    running.add(asyncio.create_task(self.measure(cell)))
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

    async def measure(self, cell: Cell) -> Measurement:
        """Start a cell, measure it, and stop it.

        Raises:
            ClusterError: the API failed.
        """
        try:
            await self.laboratory.start(cell)
            return await self._measured(cell)
        except InvalidError as error:
            return Measurement(cell, reason=INVALID, message=str(error))
        finally:
            # Also when the run is interrupted.
            await self.laboratory.stop(cell)

    async def _measured(self, cell: Cell) -> Measurement:
        started, reason, message = self.clock(), "", ""
        while True:
            try:
                status = await self.laboratory.status(cell)
            except (UnavailableError, ThrottledError) as error:
                # What takes minutes to start is not given up for an API server that is away for seconds.
                status = {}
                self.tell(cell, str(error))
            conditions = {item["type"]: item for item in status.get("conditions", ())}
            ready, stalled = conditions.get("Ready", {}), conditions.get("Stalled", {})
            seconds, plan = self.clock() - started, status.get("plan")
            if ready.get("status") == "True":
                return await self._read(cell, plan, seconds)
            reason, message = ready.get("reason", "Unseen"), ready.get("message", "")
            if stalled.get("status") == "True":
                return Measurement(cell, plan, reason=reason, message=message)
            if seconds > self.timeout_seconds:
                late = f"not ready after {self.timeout_seconds:g} s: {message}"
                return Measurement(cell, plan, reason=reason, message=late)
            self.tell(cell, f"{reason} for {seconds:.0f} s")
            await asyncio.sleep(self.poll_seconds)

    async def _read(self, cell: Cell, plan: Mapping[str, Any] | None, seconds: float) -> Measurement:
        try:
            used = await self.laboratory.used_memory(cell)
        except (ReadingError, ClusterError) as error:
            return Measurement(cell, plan, seconds=seconds, reason="NotRead", message=str(error))
        return Measurement(cell, plan, used, seconds)
