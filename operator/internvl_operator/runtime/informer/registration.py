"""Kopf's handlers and session: its lists and watches feed the observer, and nothing else of it is used.

No handler state, timers, daemons, indices, finalizers or patches by Kopf: a resource carries no trace of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import kopf

from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.port import Kind
from internvl_operator.runtime.informer.kopf_settings import group_and_version
from internvl_operator.runtime.informer.observer import Observer
from internvl_operator.runtime.informer.response import informer_response


def informer_registry(
    observer: Observer,
    observed: Iterable[Kind],
    load: Callable[[], Credentials],
    stopping: asyncio.Event,
) -> kopf.OperatorRegistry:
    """Return the handlers: one per watched kind, each handing what lists have to the observer.

    Args:
        observer: takes the events.
        observed: the kinds of what belongs to resources.
        load: returns the credentials, also when they have expired.
        stopping: set when Kopf stops: it keeps the process's signal handlers for itself.
    """
    registry = kopf.OperatorRegistry()
    kinds = (RESOURCE, *observed)
    response_class = informer_response(kinds, observer)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return informer_session(load(), response_class)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        stopping.set()

    for kind in kinds:
        _watch(kind, observer, registry)
    return registry


def informer_session(
    credentials: Credentials, response_class: type[aiohttp.ClientResponse]
) -> kopf.AiohttpSession:
    """Return a session of Kopf's with these credentials and this class of responses."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=credentials.ssl_context()),
        headers=credentials.headers(),
        proxy=credentials.proxy,
        response_class=response_class,
    )
    return kopf.AiohttpSession(aiohttp_session=session, server=credentials.server)


def _watch(kind: Kind, observer: Observer, registry: kopf.OperatorRegistry) -> None:
    @kopf.on.event(*group_and_version(kind), kind.plural, id=kind.plural, registry=registry)
    async def observe(event: kopf.RawEvent, **_: Any) -> None:
        observer.observe(kind, event["type"], dict(event["object"]))
