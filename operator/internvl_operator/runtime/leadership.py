"""Who writes: the only replica, or the one of several that holds the lease.

A process leads at most once. When it loses the lease it ends, and a fresh one stands by: nothing that it knew or had
begun before the loss reaches a later leadership.

Why: docs/design/005-write-fence.md
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from internvl_operator.kube.leader_election.fence import Fence
from internvl_operator.kube.leader_election.lease import (
    FREE_AFTER,
    RENEW_AFTER,
    RETRY_AFTER,
    WRITES_START_UNTIL,
    Claim,
    Lease,
    Sighting,
    next_claim,
    released,
    seconds_until_free,
    seen,
)
from internvl_operator.kube.port import ClusterError, ConflictError, NotFoundError
from internvl_operator.runtime.tasks import first_to_end, running

_log = logging.getLogger(__name__)


class LeaseLostError(RuntimeError):
    """The lease is somebody else's, or could not be renewed in time."""


class Leadership(Protocol):
    """How a process comes to lead, and stops."""

    async def acquire(self) -> None:
        """Wait until this process leads; then its fence is open."""
        ...

    async def hold(self) -> None:
        """Keep the lead until cancelled.

        Raises:
            LeaseLostError: this process does not lead any more.
        """
        ...

    async def release(self) -> None:
        """Let another process lead at once, after everything that this one wrote has ended."""
        ...


async def lead(leadership: Leadership, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work from when this process leads, until cancelled.

    What is being written in the end is waited for before another process may lead; nothing else is begun.

    Raises:
        LeaseLostError: this process does not lead any more.
    """
    await leadership.acquire()
    async with running(work()) as working:
        try:
            async with running(leadership.hold()) as holding:
                await first_to_end(working, holding)
        finally:
            await leadership.release()


class SoleReplica:
    """Leads without asking."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence

    async def acquire(self) -> None:
        """Open the fence."""
        self._fence.open()

    async def hold(self) -> None:
        """Wait to be cancelled."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""


class Leases(Protocol):
    """Where the lease is kept; a LeaseStore."""

    async def read(self) -> Lease | None:
        """Return the lease, or None when there is none."""
        ...

    async def write(self, claim: Claim, version: str) -> Lease:
        """Write a claim over the one of a version; an empty version means that there is none."""
        ...


@dataclass(kw_only=True, eq=False)
class LeaseHolder:
    """Leads while it holds a lease.

    Args:
        leases: where the lease is kept.
        fence: opened for the time that each renewal gains.
        identity: who this process is; no other process may ever have the same.
        seconds: how long the lease lasts.
        clock: the fence's clock.
        now: the time for the people who read the lease, with its zone.
        sleep: waits some seconds.
    """

    leases: Leases
    fence: Fence
    identity: str
    seconds: int
    clock: Callable[[], float]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _sighting: Sighting | None = field(default=None, init=False)
    _problem: str = field(default="", init=False)

    async def acquire(self) -> None:
        """Wait until the lease is free, and take it."""
        while (wait := await self._try()) > 0:
            await self.sleep(min(wait, RENEW_AFTER * self.seconds))
        _log.info("%s leads", self.identity)

    async def hold(self) -> None:
        """Renew the lease until cancelled.

        Raises:
            LeaseLostError: another process holds it, or it could not be renewed in time.
        """
        try:
            while True:
                await self.sleep((RETRY_AFTER if self._problem else RENEW_AFTER) * self.seconds)
                if not self.fence.is_open:
                    raise LeaseLostError(f"the lease was not renewed in time: {self._problem or 'paused'}")
                await self._renew()
        finally:
            self.fence.close()

    async def release(self) -> None:
        """Give the lease up if it is this process's; a failure is logged, the lease runs out then."""
        await self.fence.drain()
        try:
            lease = await self.leases.read()
            if lease is not None and lease.claim.holder == self.identity:
                await self.leases.write(released(lease.claim), lease.version)
                _log.info("%s has given the lease up", self.identity)
        except ClusterError as error:
            _log.warning("the lease was not given up, it runs out: %s", error)

    async def _try(self) -> float:
        """Take the lease if it is free; return the seconds after which to look again, 0 when it was taken."""
        try:
            if self._sighting is None or self._seconds_until_free() > 0:
                self._see(await self.leases.read())
            if (wait := self._seconds_until_free()) > 0:
                return wait
            try:
                await self._write()
            except (ConflictError, NotFoundError):
                # It was renewed, taken or deleted since the last look.
                self._see(await self.leases.read())
                return RENEW_AFTER * self.seconds
        except ClusterError as error:
            _log.warning("the lease cannot be had: %s", error)
            return RENEW_AFTER * self.seconds
        return 0.0

    async def _renew(self) -> None:
        try:
            await self._write()
        except (ConflictError, NotFoundError):
            # Deleted, edited, or a renewal whose answer was lost; or somebody else has it.
            await self._look()
        except ClusterError as error:
            self._problem = str(error)
            _log.warning("the lease was not renewed: %s", error)

    async def _look(self) -> None:
        try:
            self._see(await self.leases.read())
        except ClusterError as error:
            self._problem = str(error)
            return
        if self._sighting is not None and self._sighting.lease.claim.holder != self.identity:
            raise LeaseLostError(f"the lease is now held by {self._sighting.lease.claim.holder or 'nobody'}")

    async def _write(self) -> None:
        asked = self.clock()
        claim = next_claim(self._sighting, self.identity, self.seconds, self.now())
        version = self._sighting.lease.version if self._sighting else ""
        self._see(await self.leases.write(claim, version))
        self._problem = ""
        self.fence.open(asked + WRITES_START_UNTIL * self.seconds, asked + FREE_AFTER * self.seconds)

    def _seconds_until_free(self) -> float:
        return seconds_until_free(self._sighting, self.identity, self.clock())

    def _see(self, lease: Lease | None) -> None:
        self._sighting = seen(self._sighting, lease, self.clock())
