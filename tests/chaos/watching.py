"""Disturbances of watches: they break, lose events, or are late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from internvl_operator.kube.kinds import CHILDREN, DEPLOYMENT, NETWORK_POLICY, POD, RESOURCE, SERVICE
from tests.chaos.disturbances.disturbance import Disturbance
from tests.chaos.disturbances.watches import EXPIRED, HALF_AN_EVENT, Watches
from tests.chaos.scenario import NAMESPACE, STAGES
from tests.cluster.apiserver.async_waiting import until

if TYPE_CHECKING:
    from internvl_operator.kube.port import Kind
    from tests.chaos.scenario import Stage
    from tests.chaos.stand import Stand

LATE_SECONDS = 3.0
OPEN_SECONDS = 60.0
_WATCHED = (RESOURCE, *CHILDREN.values(), POD)
_ENDINGS = {"watch ended": b"", "watch cut amid an event": HALF_AN_EVENT, "watch 410 Gone": EXPIRED}
_DELETED = (SERVICE, NETWORK_POLICY)
_DELETED_FIRST = (DEPLOYMENT, *_DELETED)
"""Later a Deployment has a past, older ReplicaSets and conditions, which one that is made again has not."""

_VICTIM = "scaled"


class BrokenWatches(Disturbance):
    """Ends all watches right after the acts of each stage, in each way."""

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        for name, last in _ENDINGS.items():
            await _opened(stand.traffic.watches)
            self.injected[name] += stand.traffic.watches.end(last)


class MissedDeletions(Disturbance):
    """Lets somebody delete children while the watches are away for so long that their versions expire.

    Neither the watches nor the lists after them show that something was deleted.
    """

    async def before(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        await self._lose_sight(stand.traffic.watches)

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        stand.traffic.watches.release(expired=True)

    async def settled(self, stand: Stand, stage: Stage) -> None:
        await self._lose_sight(stand.traffic.watches)
        if stage is not STAGES[-1]:
            for kind in _DELETED_FIRST if stage is STAGES[0] else _DELETED:
                path = f"{kind.root}/namespaces/{NAMESPACE}/{kind.plural}/{_VICTIM}"
                await stand.api.ask("DELETE", path)
                self.injected["missed deletion"] += 1
        stand.traffic.watches.release(expired=True)

    async def end(self, stand: Stand) -> None:
        stand.traffic.watches.release()

    async def _lose_sight(self, watches: Watches) -> None:
        await _opened(watches)
        watches.hold()
        self.injected["watch 410 Gone"] += watches.end()


class LateEvents(Disturbance):
    """Holds watches back for some seconds in each stage while writes pass: the operator acts on a stale cache.

    Args:
        kinds: whose watches; none: all.
    """

    def __init__(self, *kinds: Kind) -> None:
        super().__init__()
        self._kinds = kinds

    async def before(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        stand.traffic.watches.hold(self._kinds)
        self.injected["watch held back"] += len(self._kinds) or stand.traffic.watches.count

    async def after(self, stand: Stand, stage: Stage) -> None:  # noqa: ARG002
        await asyncio.sleep(LATE_SECONDS)
        stand.traffic.watches.release()

    async def end(self, stand: Stand) -> None:
        stand.traffic.watches.release()


def late_resources() -> Disturbance:
    """Hold back what users do: edits and deletions come late, children's events in time."""
    return LateEvents(RESOURCE)


async def _opened(watches: Watches) -> None:
    """Wait until the operator watches everything again."""
    await until(lambda: watches.count >= len(_WATCHED), OPEN_SECONDS)
