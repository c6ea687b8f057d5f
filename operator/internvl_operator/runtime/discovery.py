"""Finds out, once at the start, which kinds the cluster knows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, OPTIONAL_CHILDREN, RESOURCE
from internvl_operator.kube.port import Cluster, ClusterError, ForbiddenError, Kind, NotFoundError
from internvl_operator.manifests.labels import CHILDREN_SELECTOR

_RETRY_SECONDS = 5.0
_DISCOVERY_RETRY_SECONDS = 1.0
_CUSTOM_KINDS = (RESOURCE, *OPTIONAL_CHILDREN)

_log = logging.getLogger(__name__)


async def known_children(cluster: Cluster) -> Mapping[str, Kind]:
    """Return the kinds of children that can be written here, by name.

    A kind that is installed later is used from the operator's next start on.
    """
    optional = [kind for kind in OPTIONAL_CHILDREN if await _is_known(cluster, kind)]
    return {kind.kind: kind for kind in (*BUILT_IN_CHILDREN, *optional)}


async def _is_known(cluster: Cluster, kind: Kind) -> bool:
    while True:
        try:
            await cluster.list(kind, CHILDREN_SELECTOR)
        except NotFoundError:
            return False
        except ForbiddenError as error:
            _log.warning("no %s is made: %s", kind.kind, error)
            return False
        except ClusterError as error:
            _log.warning("the API server does not answer, again in %s s: %s", _RETRY_SECONDS, error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return True


async def until_discovered(discovers: Callable[[Kind], Awaitable[bool]], kinds: Iterable[Kind]) -> None:
    """Wait until the API server's discovery tells of every kind.

    Kopf looks for kinds there, once, and watches none that it does not find. A new kind can be listed before.

    Args:
        discovers: asks for one kind; may raise a ClusterError.
        kinds: that are to be watched; those that every cluster has are not asked for.
    """
    for kind in kinds:
        if kind in _CUSTOM_KINDS:
            await _until_discovered(discovers, kind)


async def _until_discovered(discovers: Callable[[Kind], Awaitable[bool]], kind: Kind) -> None:
    while True:
        try:
            if await discovers(kind):
                return
            _log.warning("no %s are watched yet: discovery does not tell of them", kind.plural)
        except ClusterError as error:
            _log.warning("no %s are watched yet: %s", kind.plural, error)
        await asyncio.sleep(_DISCOVERY_RETRY_SECONDS)
