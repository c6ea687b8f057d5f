"""Kopf as informer: its watches feed the controller, and nothing else of it is used.

No handler state, timers, daemons, indices, finalizers or patches by Kopf: a resource carries no trace of it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import aiohttp
import kopf

from internvl_operator.kube.client import PAGE
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.port import Kind
from internvl_operator.manifests.labels import CHILDREN_SELECTOR
from internvl_operator.runtime.controller import Controller
from internvl_operator.runtime.informer.informer_response import informer_response


def informer_settings(observed: Iterable[Kind]) -> kopf.OperatorSettings:
    """Return Kopf's settings: fixed kinds, selectors on the server's side, and watches that do not stall."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _EndlessBackoffs()
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 10 * 60
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = PAGE
    # Kopf holds an object's last event as long as a task waits for its next.
    settings.queueing.idle_timeout = 0.1
    settings.persistence.diffbase_storage = _NothingHandled()
    settings.persistence.progress_storage = _NothingInProgress()
    for kind in observed:
        # A key that is not a tuple matches nothing, and the whole cluster would be watched.
        settings.watching.label_selectors[(*_group_and_version(kind), kind.plural)] = CHILDREN_SELECTOR
    return settings


class _NothingHandled(kopf.DiffBaseStorage):
    """Keeps no last state of an object: without handlers of changes nobody asks for it.

    Kopf's own storages copy every object of every event, which is half of what an event costs.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NothingInProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers, for the same reason."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class _EndlessBackoffs:
    """Seconds between the attempts of a request that fails: it is never given up.

    Kopf ends when a watch does. The right to read one of several namespaces may be gone for good, and an API server
    may fail for longer than any number of attempts.
    """

    def __iter__(self) -> Iterator[float]:
        return chain((1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0), repeat(30.0))


def informer_registry(
    controller: Controller,
    observed: Iterable[Kind],
    load: Callable[[], Credentials],
    stopping: asyncio.Event,
) -> kopf.OperatorRegistry:
    """Return the handlers: one per watched kind, each handing its events to the controller.

    Args:
        controller: takes the events.
        observed: the kinds of what belongs to resources.
        load: returns the credentials, also when they have expired.
        stopping: set when Kopf stops: it keeps the process's signal handlers for itself.
    """
    registry = kopf.OperatorRegistry()
    kinds = (RESOURCE, *observed)
    response_class = informer_response(kinds, controller)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return informer_session(load(), response_class)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        stopping.set()

    for kind in kinds:
        _watch(kind, controller, registry)
    return registry


def informer_session(
    credentials: Credentials, response_class: type[aiohttp.ClientResponse]
) -> kopf.AiohttpSession:
    """Return a session of Kopf's with these credentials and this class of responses."""
    headers = {"Authorization": credentials.authorization} if credentials.authorization else {}
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=credentials.ssl_context()),
        headers=headers,
        response_class=response_class,
    )
    return kopf.AiohttpSession(aiohttp_session=session, server=credentials.server)


def _watch(kind: Kind, controller: Controller, registry: kopf.OperatorRegistry) -> None:
    @kopf.on.event(*_group_and_version(kind), kind.plural, id=kind.plural, registry=registry)
    async def observe(event: kopf.RawEvent, **_: Any) -> None:
        controller.observe(kind, event["type"], dict(event["object"]))


def _group_and_version(kind: Kind) -> tuple[str, str]:
    group, _, version = kind.api_version.rpartition("/")
    return group, version
