"""A change that has been begun ends before the process does."""

from __future__ import annotations

import asyncio

import pytest

from internvl_operator.apply.finishing import to_its_end


@pytest.mark.parametrize(("seconds", "has_ended"), [(30.0, True), (0.0, False)])
async def test_what_is_being_done_ends_before_the_task_does(seconds: float, has_ended: bool) -> None:
    begun, goes_on, steps = asyncio.Event(), asyncio.Event(), []

    async def reconcile() -> None:
        steps.append("Deployment")
        begun.set()
        await goes_on.wait()
        steps.append("status")

    worker = asyncio.create_task(to_its_end(reconcile(), seconds))
    await begun.wait()
    worker.cancel()
    asyncio.get_running_loop().call_soon(goes_on.set if has_ended else begun.set)
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert steps == (["Deployment", "status"] if has_ended else ["Deployment"])


async def test_what_is_done_gives_its_result_or_its_error() -> None:
    async def fail() -> None:
        raise ValueError("a fault")

    assert await to_its_end(asyncio.sleep(0, "done"), 1.0) == "done"
    with pytest.raises(ValueError, match="a fault"):
        await to_its_end(fail(), 1.0)
