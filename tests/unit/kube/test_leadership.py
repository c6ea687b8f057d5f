"""Two candidates for one lease in memory, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from internvl_operator.kube.leader_election.fence import Fence
from internvl_operator.kube.leader_election.lease import Claim, Lease
from internvl_operator.kube.port import (
    ClusterError,
    ConflictError,
    NotFoundError,
    NotLeaderError,
    UnavailableError,
)
from internvl_operator.runtime.leadership import LeaseHolder, LeaseLostError, lead

SECONDS = 10


class World:
    """A lease in an API, and a clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.lease: Lease | None = None
        self.failure: ClusterError | None = None
        self.answer_lost = False
        self.on_sleep: Callable[[], None] = lambda: None
        self._versions = count(1)

    async def read(self) -> Lease | None:
        if self.failure:
            raise self.failure
        return self.lease

    async def write(self, claim: Claim, version: str) -> Lease:
        if self.failure:
            raise self.failure
        if version and self.lease is None:
            raise NotFoundError("gone")
        if version != (self.lease.version if self.lease else ""):
            raise ConflictError("the object has been modified")
        self.lease = Lease(claim, str(next(self._versions)))
        if self.answer_lost:
            self.answer_lost = False
            raise UnavailableError("timeout")
        return self.lease

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.on_sleep()
        await asyncio.sleep(0)

    def candidate(self, identity: str) -> tuple[LeaseHolder, Fence]:
        fence = Fence(lambda: self.time)
        return LeaseHolder(
            leases=self,
            fence=fence,
            identity=identity,
            seconds=SECONDS,
            clock=lambda: self.time,
            sleep=self.sleep,
        ), fence

    @property
    def holder(self) -> str:
        return self.lease.claim.holder if self.lease else "nobody"


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_leads_and_its_fence_closes_by_time_alone(world: World) -> None:
    first, fence = world.candidate("first")
    with pytest.raises(NotLeaderError):
        fence.check()

    await first.acquire()

    fence.check()
    with fence.write() as seconds:
        assert seconds == 8.0, "the write has ended before another may lead"
    world.time += 5.9
    fence.check()
    world.time += 0.1
    with pytest.raises(NotLeaderError), fence.write():
        pass


async def test_a_standby_takes_over_within_the_lease_after_the_last_renewal(world: World) -> None:
    first, _ = world.candidate("first")
    second, fence = world.candidate("second")
    await first.acquire()
    died = world.time

    await second.acquire()

    assert world.holder == "second"
    assert 8.0 <= world.time - died <= 9.0
    assert fence.is_open


async def test_a_leader_that_cannot_renew_stops_before_a_standby_may_take_over(world: World) -> None:
    first, fence = world.candidate("first")
    await first.acquire()
    acquired = world.time
    world.failure = UnavailableError("connection refused")

    with pytest.raises(LeaseLostError, match="connection refused"):
        await first.hold()

    assert world.time - acquired <= 7.0
    assert not fence.is_open


async def test_a_leader_that_was_paused_past_its_lease_neither_writes_nor_renews(world: World) -> None:
    first, fence = world.candidate("first")
    await first.acquire()
    before = world.lease

    def pause() -> None:
        world.time += 3600

    world.on_sleep = pause
    with pytest.raises(LeaseLostError, match="paused"):
        await first.hold()

    assert world.lease == before
    assert not fence.is_open


async def test_a_leader_that_finds_another_holder_stops_at_once(world: World) -> None:
    first, fence = world.candidate("first")
    await first.acquire()
    world.lease = Lease(Claim("thief", SECONDS, "", "", 1), "99")

    with pytest.raises(LeaseLostError, match="thief"):
        await first.hold()

    assert not fence.is_open


@pytest.mark.parametrize("what", ["deleted", "annotated", "answer lost"])
async def test_a_leader_goes_on_when_its_lease_is(world: World, what: str) -> None:
    first, _ = world.candidate("first")
    await first.acquire()
    rounds = 0

    def disturb() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2 and what == "deleted":
            world.lease = None
        elif rounds == 2 and what == "annotated":
            assert world.lease is not None
            world.lease = Lease(world.lease.claim, "99")
        elif rounds == 2:
            world.answer_lost = True
        elif rounds == 30:
            raise asyncio.CancelledError

    world.on_sleep = disturb
    with pytest.raises(asyncio.CancelledError):
        await first.hold()

    assert world.holder == "first"


async def test_a_lease_that_is_given_up_is_taken_at_the_next_look(world: World) -> None:
    first, fence = world.candidate("first")
    second, _ = world.candidate("second")
    await first.acquire()
    given_up = world.time

    await first.release()
    await second.acquire()

    assert world.holder == "second"
    assert world.time - given_up <= 1.0
    assert not fence.is_open


async def test_the_lease_of_another_is_not_given_up(world: World) -> None:
    first, _ = world.candidate("first")
    world.lease = Lease(Claim("other", SECONDS, "", "", 1), "99")
    await first.release()
    assert world.holder == "other"


async def test_what_is_being_written_ends_before_the_lease_is_given_up(world: World) -> None:
    first, fence = world.candidate("first")
    writing, answer = asyncio.Event(), asyncio.Event()
    holders = []

    async def work() -> None:
        with fence.write():
            writing.set()
            await answer.wait()
            holders.append(world.holder)
        with fence.write():
            pytest.fail("a write was begun")

    leading = asyncio.create_task(lead(first, work))
    await writing.wait()
    leading.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.holder == "first"
    answer.set()

    with pytest.raises(asyncio.CancelledError):
        await leading
    assert holders == ["first"]
    assert world.holder == ""
