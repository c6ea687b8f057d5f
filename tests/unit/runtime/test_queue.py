"""The work queue: each key once, never twice at once, delays and backoff."""

from __future__ import annotations

import asyncio

import pytest

from internvl_operator.kube.port import Key
from internvl_operator.runtime.queue import LONGEST_BACKOFF_SECONDS, WorkQueue

A, B = Key("n", "a"), Key("n", "b")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock, lambda: 1.0)


async def _taken(queue: WorkQueue) -> Key | None:
    """Return the key that is ready now, if any."""
    task = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    if task.done():
        return task.result()
    task.cancel()
    return None


async def test_a_key_added_many_times_is_taken_once(queue: WorkQueue) -> None:
    for _ in range(5):
        queue.add(A)

    assert await _taken(queue) == A
    assert await _taken(queue) is None


async def test_keys_are_taken_in_the_order_of_their_adding(queue: WorkQueue) -> None:
    queue.add(B)
    queue.add(A)

    assert [await _taken(queue), await _taken(queue)] == [B, A]


async def test_a_key_added_while_it_is_worked_on_is_taken_again_only_afterwards(queue: WorkQueue) -> None:
    queue.add(A)
    assert await _taken(queue) == A
    queue.add(A)

    assert await _taken(queue) is None
    queue.done(A)
    assert await _taken(queue) == A


async def test_a_delayed_key_is_taken_when_its_time_has_come(queue: WorkQueue, clock: Clock) -> None:
    queue.add(A, after=2.0)

    assert await _taken(queue) is None
    clock.seconds = 2.0
    assert await _taken(queue) == A


async def test_of_two_delays_the_shorter_counts(queue: WorkQueue, clock: Clock) -> None:
    queue.add(A, after=10.0)
    queue.add(A, after=1.0)
    queue.add(A, after=5.0)

    clock.seconds = 1.0
    assert await _taken(queue) == A
    queue.done(A)
    clock.seconds = 20.0
    assert await _taken(queue) is None


async def test_adding_without_delay_overtakes_a_delay(queue: WorkQueue, clock: Clock) -> None:
    queue.add(A, after=10.0)
    queue.add(A)

    assert await _taken(queue) == A
    queue.done(A)
    clock.seconds = 10.0
    assert await _taken(queue) is None


async def test_the_backoff_doubles_up_to_a_limit_and_ends_with_success(queue: WorkQueue) -> None:
    delays = [queue.retry(A) for _ in range(20)]

    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_BACKOFF_SECONDS
    queue.forget(A)
    assert queue.retry(A) == 0.1


async def test_the_longest_backoff_can_be_shorter(queue: WorkQueue) -> None:
    delays = [queue.retry(A, at_most=60.0) for _ in range(20)]

    assert delays[:2] == [0.1, 0.2]
    assert delays[-1] == 60.0


async def test_the_jitter_shortens_a_backoff_by_at_most_half(clock: Clock) -> None:
    assert WorkQueue(clock, lambda: 0.0).retry(A) == 0.05


async def test_the_age_of_the_oldest_key_counts_from_when_it_was_ready(
    queue: WorkQueue, clock: Clock
) -> None:
    assert queue.oldest_seconds == 0.0
    queue.add(A)
    clock.seconds = 3.0
    queue.add(B)
    clock.seconds = 5.0

    assert queue.oldest_seconds == 5.0
    assert len(queue) == 2


async def test_a_waiting_worker_wakes_when_a_key_is_added(queue: WorkQueue) -> None:
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add(A)

    assert await asyncio.wait_for(waiting, 1.0) == A


async def test_no_key_is_worked_on_by_two_workers_at_once() -> None:
    queue = WorkQueue(asyncio.get_running_loop().time, lambda: 1.0)
    at_once = {A: 0, B: 0}
    most = 0
    handled = 0

    async def work() -> None:
        nonlocal most, handled
        while True:
            key = await queue.get()
            at_once[key] += 1
            most = max(most, at_once[key])
            await asyncio.sleep(0)
            at_once[key] -= 1
            handled += 1
            queue.done(key)

    workers = [asyncio.ensure_future(work()) for _ in range(8)]
    for _ in range(50):
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(0)
    for worker in workers:
        worker.cancel()

    assert most == 1
    assert handled > 2
