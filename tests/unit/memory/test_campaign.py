"""A campaign of measurements: each cell is started, waited for, measured and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from internvl_operator.kube.port import ForbiddenError, InvalidError, UnavailableError
from internvl_operator.measurement.campaign import Campaign
from internvl_operator.measurement.configuration import Configuration
from internvl_operator.measurement.gpu_memory import ReadingError

CELLS = [Configuration("8B", 1, False, ratio) for ratio in (0.8, 0.5, 0.2)]


def conditions(ready: bool, stalled: bool = False, reason: str = "LoadingWeights") -> dict[str, Any]:
    named = [("Ready", ready), ("Stalled", stalled)]
    return {
        "conditions": [
            {"type": type_, "status": str(is_true), "reason": reason, "message": "as it is"}
            for type_, is_true in named
        ]
    }


class FakeLaboratory:
    """Cells that are ready at the third look, and a log of what was asked."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Configuration]] = []
        self.statuses: dict[Configuration, Iterator[Any]] = {}
        self.memory: Any = (1000,)
        self.start_error: Exception | None = None
        self.running = 0
        self.most_running = 0
        self.two_run = asyncio.Event()

    async def start(self, cell: Configuration) -> None:
        self.log.append(("start", cell))
        if self.start_error:
            raise self.start_error
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if self.running == 2:
            self.two_run.set()
        self.statuses.setdefault(cell, iter([{}, conditions(False), conditions(True)]))

    async def status(self, cell: Configuration) -> Mapping[str, Any]:
        status = next(self.statuses[cell])
        if isinstance(status, Exception):
            raise status
        found: Mapping[str, Any] = status
        return found

    async def used_memory(self, cell: Configuration) -> tuple[int, ...]:
        self.log.append(("read", cell))
        if isinstance(self.memory, Exception):
            raise self.memory
        found: tuple[int, ...] = self.memory
        return found

    async def stop(self, cell: Configuration) -> None:
        await asyncio.sleep(0)
        self.running -= 1
        self.log.append(("stop", cell))


@pytest.fixture
def laboratory() -> FakeLaboratory:
    return FakeLaboratory()


def campaign(laboratory: FakeLaboratory, **options: Any) -> Campaign:
    seconds = count(0.0, 10.0)
    return Campaign(laboratory, 1000.0, lambda: next(seconds), poll_seconds=0.0, **options)


async def test_cells_run_one_after_the_other(laboratory: FakeLaboratory) -> None:
    found = [each async for each in campaign(laboratory).run(CELLS)]
    assert [each.used_mib for each in found] == [(1000,)] * 3
    assert laboratory.log == [(step, cell) for cell in CELLS for step in ("start", "read", "stop")]


async def test_several_cells_run_at_once_but_no_more_than_asked_for(laboratory: FakeLaboratory) -> None:
    found = [each async for each in campaign(laboratory).run(CELLS, at_once=2)]
    assert {each.configuration for each in found} == set(CELLS)
    assert laboratory.most_running == 2


async def test_what_a_cell_waits_for_is_told(laboratory: FakeLaboratory) -> None:
    told: list[str] = []
    await campaign(laboratory, report=lambda _, text: told.append(text)).measure(CELLS[0])
    assert told == ["Unseen for 10 s", "LoadingWeights for 20 s"]


async def test_a_stalled_cell_is_not_waited_for(laboratory: FakeLaboratory) -> None:
    laboratory.statuses[CELLS[0]] = iter([conditions(False, True, "OutOfGPUMemory")])
    found = await campaign(laboratory).measure(CELLS[0])
    assert (found.reason, found.message, found.used_mib) == ("OutOfGPUMemory", "as it is", ())
    assert laboratory.log[-1] == ("stop", CELLS[0])


async def test_a_cell_that_takes_too_long_is_given_up(laboratory: FakeLaboratory) -> None:
    laboratory.statuses[CELLS[0]] = iter([conditions(False)] * 200)
    found = await campaign(laboratory).measure(CELLS[0])
    assert found.message == "not ready after 1000 s: as it is"
    assert laboratory.log[-1] == ("stop", CELLS[0])


async def test_a_cell_that_the_api_server_refuses_leaves_the_others(laboratory: FakeLaboratory) -> None:
    laboratory.start_error = InvalidError("engine.tp for 1B is at most 2")
    found = [each async for each in campaign(laboratory).run(CELLS)]
    assert [(each.reason, each.message) for each in found] == [
        ("Invalid", "engine.tp for 1B is at most 2")
    ] * 3


async def test_an_api_server_that_is_away_for_a_while_is_waited_for(laboratory: FakeLaboratory) -> None:
    laboratory.statuses[CELLS[0]] = iter([UnavailableError("gone"), conditions(True)])
    assert (await campaign(laboratory).measure(CELLS[0])).used_mib == (1000,)


async def test_memory_that_cannot_be_read_is_told(laboratory: FakeLaboratory) -> None:
    laboratory.memory = ReadingError("nvidia-smi printed '[N/A]'")
    found = await campaign(laboratory).measure(CELLS[0])
    assert (found.reason, found.message) == ("NotRead", "nvidia-smi printed '[N/A]'")


async def test_an_error_that_every_cell_would_meet_ends_the_campaign_and_stops_what_runs(
    laboratory: FakeLaboratory,
) -> None:
    laboratory.statuses[CELLS[1]] = iter([ForbiddenError("no")])
    with pytest.raises(ForbiddenError):
        [each async for each in campaign(laboratory).run(CELLS, at_once=2)]
    assert laboratory.running == 0
    assert ("stop", CELLS[0]) in laboratory.log


async def test_an_interrupted_campaign_stops_what_runs(laboratory: FakeLaboratory) -> None:
    laboratory.statuses = {cell: iter(lambda: conditions(False), None) for cell in CELLS}
    slow = Campaign(laboratory, 1000.0, lambda: 0.0, poll_seconds=0.01)

    async def run() -> None:
        async for _ in slow.run(CELLS, at_once=2):
            pass

    task = asyncio.create_task(run())
    await laboratory.two_run.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert laboratory.running == 0
    assert [step for step, _ in laboratory.log] == ["start", "start", "stop", "stop"]
