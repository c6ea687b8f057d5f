"""Finds out, once at the start, which kinds the cluster knows."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Set

from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, OPTIONAL_CHILDREN
from internvl_operator.kube.port import Cluster, ClusterError, ForbiddenError, Kind, NotFoundError
from internvl_operator.manifests.labels import CHILDREN_SELECTOR

_RETRY_SECONDS = 5.0

_LOOK_AGAIN_SECONDS = 30.0
"""How often the cluster is asked for kinds that a spec asks for and that it lacked."""

_log = logging.getLogger(__name__)


async def known_children(cluster: Cluster) -> Mapping[str, Kind]:
    """Return the kinds of children that can be written here, by name.

    A kind that is installed later is used from the operator's next start on, see ``until_installed``.
    """
    optional = [kind for kind in OPTIONAL_CHILDREN if await _is_known(cluster, kind)]
    return {kind.kind: kind for kind in (*BUILT_IN_CHILDREN, *optional)}


async def until_installed(cluster: Cluster, missing: Callable[[], Set[Kind]]) -> None:
    """Wait until the cluster has a kind that it lacked: this process does not watch it, the next one will.

    Nothing is asked of the API server while no spec asks for such a kind.

    Args:
        cluster: the Kubernetes API.
        missing: returns the kinds that specs ask for and the cluster lacks.
    """
    while True:
        for kind in sorted(missing(), key=lambda kind: kind.kind):
            if await _is_known(cluster, kind):
                _log.info("%s are served now: this process ends, and the next one watches them", kind.plural)
                return
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


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
