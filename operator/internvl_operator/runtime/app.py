"""The process: builds the parts, starts them in order, and stops them cleanly on SIGTERM."""

import asyncio
import logging
import random
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import kopf

from internvl_operator.api.platform_defaults import read_platform_defaults
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.fence import Fence, open_fence, unpausable_clock
from internvl_operator.kube.kinds import POD, RESOURCE
from internvl_operator.kube.lease import ANSWER_WITHIN, LeaseStore
from internvl_operator.kube.port import Key, Kind
from internvl_operator.reconcile import Reconciler
from internvl_operator.runtime.controller import Controller
from internvl_operator.runtime.discovery import known_children, until_discovered
from internvl_operator.runtime.handlers import informer_registry, informer_settings
from internvl_operator.runtime.health import serve_health
from internvl_operator.runtime.leadership import Leadership, LeaseHolder, SoleReplica, lead
from internvl_operator.runtime.metrics import Metrics
from internvl_operator.runtime.nodes import NodeInventory
from internvl_operator.runtime.queue import WorkQueue
from internvl_operator.runtime.tasks import first_to_end, running
from internvl_operator.settings import LeaseSettings, Settings

_KOPF_IDENTITY: Any = "internvl-operator"
"""What this process is called among Kopf's peers, of which it has none. Kopf would ask the system for the name of the
user, and a container's user need not have one."""

_INFORMER_STOP_SECONDS = 0.5
"""Kopf waits five seconds for tasks of its own that it has forgotten; an informer has nothing to lose."""

_log = logging.getLogger(__name__)


class WatchEndedError(RuntimeError):
    """A kind is not served any more: its watch cannot go on in this process."""


async def run(settings: Settings, load: Callable[[], Credentials]) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Args:
        settings: the operator's settings.
        load: returns the credentials for the API server.

    Raises:
        CancelledError: SIGTERM came before the informer had started.
        LeaseLostError: this replica led, and does not any more.
        WatchEndedError: a kind that is watched was removed.
        OSError: the port of health and metrics is taken, or the file of the platform defaults cannot be read.
        ValueError: the platform defaults are not what they should be.
    """
    loop = asyncio.get_running_loop()
    _end_by_sigterm(loop, asyncio.current_task(loop))
    metrics = Metrics()
    fence = Fence()
    async with (
        KubernetesClient(load, settings.namespaces, metrics.observe_request, fence) as cluster,
        _leadership(settings.lease, load, metrics, fence) as leadership,
    ):
        kinds = await known_children(cluster)
        # Pods belong to the Deployment, and are only looked at.
        observed = (*kinds.values(), POD)
        controller = _controller(settings, cluster, metrics, kinds, observed, loop.time)
        watches = asyncio.Event()
        health = await serve_health(controller, metrics, watches, settings.http_port)
        try:
            await _run_until_signal(
                controller, leadership, settings, observed, load, watches, cluster.discovers
            )
        finally:
            await health.cleanup()
    _log.info("stopped")


def _end_by_sigterm(loop: asyncio.AbstractEventLoop, process: asyncio.Task[None] | None) -> None:
    """Obey SIGTERM until Kopf does, which has its own handler: the first process of a container has none by default."""
    assert process is not None
    loop.add_signal_handler(signal.SIGTERM, process.cancel)


def _controller(
    settings: Settings,
    cluster: KubernetesClient,
    metrics: Metrics,
    children: Mapping[str, Kind],
    observed: Collection[Kind],
    clock: Callable[[], float],
) -> Controller:
    cache = Cache()
    nodes = NodeInventory(cluster, settings, clock)
    platform = read_platform_defaults(settings.platform_defaults)
    reconciler = Reconciler(cluster, cache, children, nodes, lambda: datetime.now(UTC), platform)
    queue = WorkQueue(clock, random.random)
    return Controller(cluster, cache, reconciler, queue, metrics, settings, observed, clock)


@asynccontextmanager
async def _leadership(
    settings: LeaseSettings | None, load: Callable[[], Credentials], metrics: Metrics, fence: Fence
) -> AsyncIterator[Leadership]:
    if settings is None:
        yield SoleReplica(fence)
        return
    # The pod's name is the host's; the rest tells a container from the one that ran there before.
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    seconds = ANSWER_WITHIN * settings.seconds
    async with Connection(
        load, metrics.observe_request, open_fence(), connections=1, seconds=seconds
    ) as connection:
        leases = LeaseStore(connection, Key(settings.namespace, settings.name))
        yield LeaseHolder(leases, fence, identity, settings.seconds, unpausable_clock)


async def _run_until_signal(
    controller: Controller,
    leadership: Leadership,
    settings: Settings,
    observed: Collection[Kind],
    load: Callable[[], Credentials],
    watches: asyncio.Event,
    discovers: Callable[[Kind], Awaitable[bool]],
) -> None:
    """Fill the cache, and work while this process leads, until something fails or on SIGTERM or SIGINT.

    ``watches`` is set when the informer has started.
    """
    stopping = asyncio.Event()

    async def inform() -> None:
        # Kopf looks for the kinds once, when it starts: a kind that is installed later would not be watched.
        await controller.listed.wait()
        await until_discovered(discovers, (RESOURCE, *observed))
        try:
            await kopf.operator(
                registry=informer_registry(controller, observed, load, stopping),
                settings=informer_settings(observed),
                identity=_KOPF_IDENTITY,
                standalone=True,
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                stop_flag=stopping,
                ready_flag=watches,
            )
        except Exception as error:
            raise WatchEndedError(f"a watch has ended: {error}") from error

    async def work() -> None:
        if settings.lease:
            # The watches may be behind what the leader before this one wrote last. A list is not.
            await controller.list_until_done()
        await controller.work()

    async def reconcile() -> None:
        await controller.listed.wait()
        await lead(leadership, work)

    informing = asyncio.create_task(inform(), name="informer")
    try:
        async with (
            running(controller.fill()) as filling,
            running(reconcile()) as reconciling,
            running(_told_to_stop(watches)) as told,
            running(stopping.wait()) as stopped,
        ):
            await first_to_end(filling, reconciling, told, stopped, informing)
            if not told.done():
                raise WatchEndedError("a watch has ended, as its kind is not served any more")
    finally:
        stopping.set()
        asyncio.get_running_loop().set_exception_handler(_tolerate_abandoned_watches)
        if watches.is_set():
            await asyncio.wait([informing], timeout=_INFORMER_STOP_SECONDS)
        # A watch of Kopf's may take this for the end of a pause and go on; it is not waited for.
        informing.cancel()
        await asyncio.wait([informing], timeout=_INFORMER_STOP_SECONDS)


async def _told_to_stop(watches: asyncio.Event) -> None:
    """Return on SIGTERM or SIGINT.

    Kopf takes these for itself when it starts, but they have to be told from a watch that fails. Until then
    ``run`` obeys the first of them.
    """
    await watches.wait()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


def _tolerate_abandoned_watches(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what goes wrong while the loop ends, quietly when it is a watch that Kopf did not close.

    A watch that is cancelled between two events stays behind as a suspended generator, which cannot be closed
    any more (``kopf._cogs.clients.watching``). The connection ends with the process.
    """
    if "asyncgen" in context:
        _log.debug("a watch was not closed: %s", context["message"])
    else:
        loop.default_exception_handler(context)
