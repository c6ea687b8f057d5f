"""Finds out which kinds the cluster knows: all of them at the start, and later those that it lacked."""

import asyncio
import logging
from collections.abc import Container, Mapping
from contextlib import suppress
from typing import Protocol

from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, OPTIONAL_CHILDREN
from internvl_operator.kube.port import Cluster, ClusterError, ForbiddenError, Kind, NotFoundError
from internvl_operator.manifests.labels import CHILDREN_SELECTOR

_RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Discovering(Cluster, Protocol):
    """The Kubernetes API, with its discovery, which needs no right."""

    async def discovers(self, kind: Kind) -> bool:
        """Return whether the API server serves a kind; may raise a ClusterError."""
        ...


async def known_children(cluster: Discovering) -> Mapping[str, Kind]:
    """Return the kinds of children that can be written here, by name.

    A kind that is installed later is found by ``until_kind_is_installed``.
    """
    optional = [kind for kind in OPTIONAL_CHILDREN if await _is_known(cluster, kind)]
    return {kind.kind: kind for kind in (*BUILT_IN_CHILDREN, *optional)}


async def until_kind_is_installed(cluster: Discovering, known: Container[str], seconds: float) -> None:
    """Return when the cluster serves a kind of child that it lacked before.

    Args:
        cluster: the Kubernetes API.
        known: the names of the kinds that could be written at the start.
        seconds: between two looks.
    """
    lacked = [kind for kind in OPTIONAL_CHILDREN if kind.kind not in known]
    while True:
        await asyncio.sleep(seconds)
        for kind in lacked:
            with suppress(ClusterError):
                if await _is_listed(cluster, kind):
                    _log.info("the cluster serves %s now", kind.plural)
                    return


async def _is_known(cluster: Discovering, kind: Kind) -> bool:
    while True:
        try:
            return await _is_listed(cluster, kind)
        except ForbiddenError as error:
            _log.warning("no %s is made: %s", kind.kind, error)
            return False
        except ClusterError as error:
            _log.warning("the API server does not answer, again in %s s: %s", _RETRY_SECONDS, error)
            await asyncio.sleep(_RETRY_SECONDS)


async def _is_listed(cluster: Discovering, kind: Kind) -> bool:
    """Return whether the cluster serves a kind; what is served is listed, which shows whether the right is there."""
    try:
        if not await cluster.discovers(kind):
            return False
        await cluster.list(kind, CHILDREN_SELECTOR)
    except NotFoundError:
        return False
    return True
