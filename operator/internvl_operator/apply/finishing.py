"""What has been begun is brought to its end, also when the process is asked to stop."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

from internvl_operator.problem import Problem

_Result = TypeVar("_Result")


async def to_its_end(coroutine: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
    """Wait for a coroutine; when this task is cancelled, let the coroutine go on for some seconds first.

    Raises:
        CancelledError: this task was cancelled.
    """
    task = asyncio.create_task(coroutine)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def all_of(writes: Iterable[Awaitable[Problem | None]]) -> list[Problem]:
    """Wait until each of some writes has ended, and return their problems.

    Raises:
        Exception: the exception of the first write that failed, raised after all writes have ended.
    """
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Problem)]
