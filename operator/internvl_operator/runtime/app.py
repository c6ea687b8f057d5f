"""The process: builds the parts, starts them in order, and stops them cleanly on SIGTERM."""

import asyncio
import logging
import random
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from internvl_operator import __version__
from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import POD
from internvl_operator.kube.leader_election.fence import Fence, open_fence, unpausable_clock
from internvl_operator.kube.leader_election.lease import ANSWER_WITHIN, LeaseStore
from internvl_operator.kube.port import Key, Kind
from internvl_operator.reconcile import Reconciler
from internvl_operator.runtime.controller import Controller
from internvl_operator.runtime.discovery import known_children, until_kind_is_installed
from internvl_operator.runtime.informer.informer import Informer, WatchEndedError
from internvl_operator.runtime.leadership import Leadership, LeaseHolder, SoleReplica, lead
from internvl_operator.runtime.monitoring.health import serve_health
from internvl_operator.runtime.monitoring.metrics import Metrics
from internvl_operator.runtime.nodes import NodeInventory
from internvl_operator.runtime.queue import WorkQueue
from internvl_operator.runtime.tasks import first_to_end, running
from internvl_operator.settings import LeaseSettings, Settings

_log = logging.getLogger(__name__)


_LOOK_FOR_KINDS_SECONDS = 60.0
"""Longest time until a kind is used that was installed after the start."""


async def run(settings: Settings, platform: PlatformDefaults, load: Callable[[], Credentials]) -> bool:
    """Run the controller until SIGTERM or SIGINT, or until the cluster serves a kind of child that it lacked.

    Args:
        settings: the operator's settings.
        platform: the platform defaults, which the settings name.
        load: returns the credentials for the API server.

    Returns:
        Whether to run again, in another event loop: Kopf watches the kinds that there are when it starts.

    Raises:
        CancelledError: SIGTERM came before the informer had started.
        LeaseLostError: this replica led, and does not any more.
        WatchEndedError: a kind that is watched was removed.
        OSError: the port of health and metrics is taken.
        ValueError: there are no credentials.
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
        _log.info(
            "internvl-operator %s starts: it watches %s, makes %s, and %s",
            __version__,
            _listed(settings.namespaces) or "all namespaces",
            _listed(kinds),
            f"works while it holds the Lease {settings.lease.name}"
            if settings.lease
            else "works without a Lease",
        )
        # Pods belong to the Deployment, and are only looked at.
        observed = (*kinds.values(), POD)
        controller = _controller(settings, platform, cluster, metrics, kinds, observed, loop.time)
        informer = Informer(
            controller, observed, namespaces=settings.namespaces, load=load, discovers=cluster.discovers
        )
        health = await serve_health(controller, metrics, informer.started, settings.http_port)
        try:
            seconds = min(settings.relist_seconds, _LOOK_FOR_KINDS_SECONDS)
            new_kind = partial(until_kind_is_installed, cluster, kinds, seconds)
            is_to_run_again = await _run_until_signal(controller, leadership, settings, informer, new_kind)
        finally:
            await health.cleanup()
    _log.info("starting again" if is_to_run_again else "stopped")
    return is_to_run_again


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)


def _end_by_sigterm(loop: asyncio.AbstractEventLoop, process: asyncio.Task[None] | None) -> None:
    """Obey SIGTERM until the informer does: the first process of a container has no handler by default."""
    assert process is not None
    loop.add_signal_handler(signal.SIGTERM, process.cancel)


def _controller(
    settings: Settings,
    platform: PlatformDefaults,
    cluster: KubernetesClient,
    metrics: Metrics,
    children: Mapping[str, Kind],
    observed: Collection[Kind],
    clock: Callable[[], float],
) -> Controller:
    cache = Cache()
    reconciler = Reconciler(
        cluster=cluster,
        cache=cache,
        children=children,
        inventory=NodeInventory(cluster, settings, clock),
        now=lambda: datetime.now(UTC),
        platform=platform,
    )
    return Controller(
        cluster=cluster,
        cache=cache,
        reconciler=reconciler,
        queue=WorkQueue(clock, random.random),
        metrics=metrics,
        settings=settings,
        kinds=observed,
        clock=clock,
    )


@asynccontextmanager
async def _leadership(
    settings: LeaseSettings | None, load: Callable[[], Credentials], metrics: Metrics, fence: Fence
) -> AsyncIterator[Leadership]:
    if settings is None:
        yield SoleReplica(fence)
        return
    # The host has the pod's name. The rest differs in each container that the pod starts.
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    seconds = ANSWER_WITHIN * settings.seconds
    async with Connection(
        load, metrics.observe_request, open_fence(), connections=1, seconds=seconds
    ) as connection:
        leases = LeaseStore(connection, Key(settings.namespace, settings.name))
        yield LeaseHolder(
            leases=leases, fence=fence, identity=identity, seconds=settings.seconds, clock=unpausable_clock
        )


async def _run_until_signal(
    controller: Controller,
    leadership: Leadership,
    settings: Settings,
    informer: Informer,
    new_kind: Callable[[], Coroutine[Any, Any, None]],
) -> bool:
    """Fill the cache, and work while this process leads, until something fails or on SIGTERM or SIGINT.

    Returns:
        Whether it ended because there is a new kind, and nobody asked it to stop.
    """

    async def work() -> None:
        if settings.lease:
            # The watches may be behind what the leader before this one wrote last. A list is not.
            await controller.list_until_done()
        await controller.work()

    async def reconcile() -> None:
        await controller.listed.wait()
        await lead(leadership, work)

    async with (
        informer.watching(after=controller.listed),
        running(controller.fill()) as filling,
        running(reconcile()) as reconciling,
        running(informer.until_signalled()) as signalled,
        running(informer.until_ended()) as ended,
        running(new_kind()) as installed,
    ):
        await first_to_end(filling, reconciling, signalled, ended, installed)
        if not signalled.done() and not installed.done():
            raise WatchEndedError("a watch has ended: its kind may not be served any more; the log says why")
        return not signalled.done()
