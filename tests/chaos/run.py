"""One run of the scenario: undisturbed, to learn what comes of it, or disturbed, to compare."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from tests.chaos.disturbances.traffic import nothing
from tests.chaos.scenario import COLLECTION, NAMESPACE, STAGES
from tests.chaos.state import State, differences, read_state
from tests.cluster.apiserver.api import RefusedError
from tests.cluster.apiserver.async_waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.disturbances.disturbance import Disturbance
    from tests.chaos.scenario import Stage
    from tests.chaos.stand import Stand

SETTLE_SECONDS = 120.0
"""So long a stage may take from its last act on."""

QUIET_SECONDS = 1.5
"""What does not change for so long has settled: events of children are gathered for 0.2 s."""

POLL_SECONDS = 0.05
_SHOWN_DIFFERENCES = 10


@dataclass(frozen=True, slots=True)
class Reference:
    """What comes of the scenario when nothing disturbs it.

    Attributes:
        states: after each stage.
        writes: of the operator.
    """

    states: tuple[State, ...]
    writes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a disturbed run.

    Attributes:
        problems: in which it differs from the undisturbed one; empty when it is equal.
        injected: faults by kind.
        writes: of the operator.
        seconds: wall time.
    """

    problems: tuple[str, ...]
    injected: Mapping[str, int]
    writes: int
    seconds: float

    @property
    def is_equal(self) -> bool:
        """Whether it ended as the undisturbed run, by a bounded number of writes."""
        return not self.problems


async def undisturbed(stand: Stand) -> Reference:
    """Carry out the scenario, and wait after each stage until nothing changes any more."""
    writes = stand.traffic.writes
    states = []
    for stage in STAGES:
        await _act(stand, stage)
        states.append(await _settled(stand))
    return Reference(tuple(states), stand.traffic.writes - writes)


async def disturbed(stand: Stand, reference: Reference, disturbance: Disturbance) -> Outcome:
    """Carry out the scenario under a disturbance, and compare the state after each stage."""
    loop = asyncio.get_running_loop()
    started, writes = loop.time(), stand.traffic.writes
    stand.traffic.disturb = disturbance
    problems: list[str] = []
    try:
        await disturbance.begin(stand)
        for stage, expected in zip(STAGES, reference.states, strict=True):
            await disturbance.before(stand, stage)
            await _act(stand, stage)
            await disturbance.after(stand, stage)
            problems += await _becomes(stand, expected, f"after {stage.name}")
            if problems:
                break
            await disturbance.settled(stand, stage)
            problems += await _becomes(stand, expected, f"after {stage.name}, disturbed once more")
            if problems:
                break
    except (TimeoutError, aiohttp.ClientError, RefusedError) as error:
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        await disturbance.end(stand)
        stand.traffic.disturb = nothing
    if problems:
        await _clear(stand)
    await until(lambda: stand.traffic.is_idle, SETTLE_SECONDS)
    used = stand.traffic.writes - writes
    faults = sum(disturbance.injected.values())
    most = most_writes(reference.writes, faults, disturbance.allowance)
    if used > most:
        problems.append(f"{used} writes, where {most} are the most for {faults} faults")
    return Outcome(tuple(problems), dict(disturbance.injected), used, loop.time() - started)


def most_writes(undisturbed: int, faults: int, allowance: int) -> int:
    """Return the writes that a disturbed run may take.

    Args:
        undisturbed: writes of an undisturbed run.
        faults: that were injected.
        allowance: writes for each of them.
    """
    # How often the status is written on the way to a settled state depends on when children's events come.
    return undisturbed + undisturbed // 4 + faults * allowance


async def _act(stand: Stand, stage: Stage) -> None:
    for act in stage.acts:
        await act.carry_out(stand.api)


async def _settled(stand: Stand) -> State:
    """Return the state once it has not changed for a while."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SETTLE_SECONDS):
        state, since = await read_state(stand.api, NAMESPACE), loop.time()
        while loop.time() - since < QUIET_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            now = await read_state(stand.api, NAMESPACE)
            if now != state:
                state, since = now, loop.time()
    return state


async def _becomes(stand: Stand, expected: State, when: str) -> list[str]:
    """Wait until the state is the expected one; return in what it differs if it does not become so."""
    found: list[str] = []

    async def is_expected() -> bool:
        nonlocal found
        try:
            found = differences(expected, await read_state(stand.api, NAMESPACE))
        except (aiohttp.ClientError, RefusedError) as error:
            found = [f"the API server does not answer: {error}"]
        return not found

    try:
        await until(is_expected, SETTLE_SECONDS, POLL_SECONDS)
    except TimeoutError:
        return [f"{when}: {line}" for line in found[:_SHOWN_DIFFERENCES]]
    return []


async def _clear(stand: Stand) -> None:
    """Leave nothing of a run that failed to the next."""
    await stand.api.ask("DELETE", COLLECTION)
    await until(lambda: _is_empty(stand), SETTLE_SECONDS)


async def _is_empty(stand: Stand) -> bool:
    return not await read_state(stand.api, NAMESPACE)
