"""What a disturbance is: it answers the operator's requests during one run of the scenario, and acts between stages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import web

    from tests.chaos.disturbances.faults import Injector
    from tests.chaos.scenario import Stage
    from tests.chaos.stand import Stand
    from tests.cluster.apiserver.proxy import Exchange

WRITES_PER_FAULT = 4
"""What one fault may cost beyond an undisturbed run: the write again, and a status that tells of it and its Event."""


class Disturbance:
    """One run's worth of it; by itself it disturbs nothing.

    Attributes:
        injected: faults so far, by kind.
        allowance: writes that one fault may cost.
    """

    allowance: int = WRITES_PER_FAULT

    def __init__(self) -> None:
        self.injected: Counter[str] = Counter()

    async def __call__(self, exchange: Exchange) -> web.StreamResponse | None:  # noqa: ARG002
        """Answer one request of the operator, or return None: it is answered truly."""
        return None

    async def begin(self, stand: Stand) -> None:
        """Act before the scenario."""

    async def before(self, stand: Stand, stage: Stage) -> None:
        """Act before a stage."""

    async def after(self, stand: Stand, stage: Stage) -> None:
        """Act when the users' acts of a stage are done, and their consequences are not."""

    async def settled(self, stand: Stand, stage: Stage) -> None:
        """Act when the state is as it should be; it has to become so again."""

    async def end(self, stand: Stand) -> None:
        """Act after the scenario, also after one that failed."""


class Answers(Disturbance):
    """Injects faults into single requests.

    Args:
        injector: of this run.
    """

    def __init__(self, injector: Injector) -> None:
        super().__init__()
        self._injector = injector
        self.injected = injector.injected

    async def __call__(self, exchange: Exchange) -> web.StreamResponse | None:
        return await self._injector(exchange)


class Series:
    """A disturbance by name, and the runs that it is put through.

    Args:
        name: as it is shown and asked for.
        runs: make one disturbance each.
    """

    def __init__(self, name: str, runs: Sequence[Callable[[], Disturbance]]) -> None:
        self.name = name
        self.runs = runs
