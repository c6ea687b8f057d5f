"""A bar that shows on a terminal how much of a measurement is over."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from internvl_operator.cli.printable_output import terminal_of
from internvl_operator.text.printable import printable

_STEP_SECONDS = 0.5


class Progress:
    """What is shown while a load is measured.

    Args:
        bar: of tqdm; None where there is no terminal.
    """

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar

    def tell(self, text: str) -> None:
        """Show what the verb waits for."""
        if self._bar is None:
            print(f"internvl bench: {text}", file=sys.stderr)
        else:
            self._bar.write(printable(text), file=terminal_of(sys.stderr))


@asynccontextmanager
async def progress(what: str, seconds: float) -> AsyncIterator[Progress]:
    """Show on a terminal how many of some seconds are over, until the context ends.

    Args:
        what: is measured.
        seconds: how long it takes, about: the last answers may come later.
    """
    bar = _bar(what, seconds)
    if bar is None:
        yield Progress()
        return
    with bar:
        moving = asyncio.create_task(_move(bar, seconds))
        try:
            yield Progress(bar)
        finally:
            moving.cancel()
            with suppress(asyncio.CancelledError):
                await moving


def _bar(what: str, seconds: float) -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        # Of the extra `tools`, which the operator's image lacks.
        return None
    return tqdm(
        total=seconds,
        desc=what,
        unit="s",
        file=terminal_of(sys.stderr),
        bar_format="{desc}: {percentage:3.0f} %|{bar}| {n:.0f}/{total:.0f} s",
    )


async def _move(bar: Any, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while bar.n < seconds:
        await asyncio.sleep(_STEP_SECONDS)
        bar.update(min(seconds, loop.time() - started) - bar.n)
