"""Who writes: the only replica, or the one of several that holds the lease.

A process leads at most once. When it loses the lease it ends, and a fresh one stands by: nothing that it knew or had
begun before the loss reaches a later leadership.

Why: docs/design/005-write-fence.md
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
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


class LeaseHolder:
    """Leads while it holds a lease.

    Args:
        leases: where the lease is kept.
        fence: opened for the time that each renewal gains.
        identity: who this process is; no other process may ever have the same.
        seconds: of the lease.
        clock: the fence's clock.
        now: the time for the people who read the lease, with its zone.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        leases: Leases,
        fence: Fence,
        identity: str,
        seconds: int,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leases = leases
        self._fence = fence
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._sighting: Sighting | None = None
        self._problem = ""

    async def acquire(self) -> None:
        """Wait until the lease is free, and take it."""
        while (wait := await self._try()) > 0:
            await self._sleep(min(wait, RENEW_AFTER * self._seconds))
        _log.info("%s leads", self._identity)

    async def hold(self) -> None:
        """Renew the lease until cancelled.

        Raises:
            LeaseLostError: another process holds it, or it could not be renewed in time.
        """
        try:
            while True:
                await self._sleep((RETRY_AFTER if self._problem else RENEW_AFTER) * self._seconds)
                if not self._fence.is_open:
                    raise LeaseLostError(f"the lease was not renewed in time: {self._problem or 'paused'}")
                await self._renew()
        finally:
            self._fence.close()

    async def release(self) -> None:
        """Give the lease up if it is this process's; a failure is logged, the lease runs out then."""
        await self._fence.drain()
        try:
            lease = await self._leases.read()
            if lease is not None and lease.claim.holder == self._identity:
                await self._leases.write(released(lease.claim), lease.version)
                _log.info("%s has given the lease up", self._identity)
        except ClusterError as error:
            _log.warning("the lease was not given up, it runs out: %s", error)

    async def _try(self) -> float:
        """Take the lease if it is free; return the seconds after which to look again, 0 when it was taken."""
        try:
            if self._sighting is None or self._seconds_until_free() > 0:
                self._see(await self._leases.read())
            if (wait := self._seconds_until_free()) > 0:
                return wait
            try:
                await self._write()
            except (ConflictError, NotFoundError):
                # It was renewed, taken or deleted since the last look.
                self._see(await self._leases.read())
                return RENEW_AFTER * self._seconds
        except ClusterError as error:
            _log.warning("the lease cannot be had: %s", error)
            return RENEW_AFTER * self._seconds
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
            self._see(await self._leases.read())
        except ClusterError as error:
            self._problem = str(error)
            return
        if self._sighting is not None and self._sighting.lease.claim.holder != self._identity:
            raise LeaseLostError(f"the lease is now held by {self._sighting.lease.claim.holder or 'nobody'}")

    async def _write(self) -> None:
        asked = self._clock()
        claim = next_claim(self._sighting, self._identity, self._seconds, self._now())
        version = self._sighting.lease.version if self._sighting else ""
        self._see(await self._leases.write(claim, version))
        self._problem = ""
        self._fence.open(asked + WRITES_START_UNTIL * self._seconds, asked + FREE_AFTER * self._seconds)

    def _seconds_until_free(self) -> float:
        return seconds_until_free(self._sighting, self._identity, self._clock())

    def _see(self, lease: Lease | None) -> None:
        self._sighting = seen(self._sighting, lease, self._clock())
