"""Waits until Kopf will find the kinds that it is to watch: it looks for them once, when it starts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from internvl_operator.kube.kinds import OPTIONAL_CHILDREN, RESOURCE
from internvl_operator.kube.port import ClusterError, Kind

_RETRY_SECONDS = 1.0
_CUSTOM_KINDS = (RESOURCE, *OPTIONAL_CHILDREN)

_log = logging.getLogger(__name__)


async def until_discovered(discovers: Callable[[Kind], Awaitable[bool]], kinds: Iterable[Kind]) -> None:
    """Wait until the API server's discovery lists every kind.

    Kopf looks for kinds there, once, and watches none that it does not find. A new kind can be listed before.

    Args:
        discovers: returns whether discovery lists one kind; may raise a ClusterError.
        kinds: the kinds to watch; those that every cluster has are not asked for.
    """
    for kind in kinds:
        if kind in _CUSTOM_KINDS:
            await _until_discovered(discovers, kind)


async def _until_discovered(discovers: Callable[[Kind], Awaitable[bool]], kind: Kind) -> None:
    while True:
        try:
            if await discovers(kind):
                return
            _log.warning("no %s are watched yet: discovery does not list them", kind.plural)
        except ClusterError as error:
            _log.warning("no %s are watched yet: %s", kind.plural, error)
        await asyncio.sleep(_RETRY_SECONDS)
