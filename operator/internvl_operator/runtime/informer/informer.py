"""The informer: reports every object of some kinds to an observer, when it exists, changes or is deleted.

Kopf lists and watches. ``tests/unit/runtime/test_informer.py`` tests what the informer uses of Kopf without Kopf's
promise.

Why: docs/design/001-kopf-as-informer.md
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import kopf

from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.port import Kind
from internvl_operator.runtime.informer.kind_discovery import until_discovered
from internvl_operator.runtime.informer.kopf_settings import informer_settings
from internvl_operator.runtime.informer.observer import Observer
from internvl_operator.runtime.informer.registration import informer_registry

_IDENTITY: Any = "internvl-operator"
"""What this process is called among Kopf's peers, of which it has none. Kopf would ask the system for the name of the
user, and a container's user need not have one."""

_STOP_SECONDS = 0.5
"""Kopf waits five seconds for tasks of its own that it has forgotten; an informer has nothing to lose."""

_log = logging.getLogger(__name__)


class WatchEndedError(RuntimeError):
    """A kind is not served any more: its watch cannot go on in this process."""


class Informer:
    """Watches resources and what belongs to them.

    Args:
        observer: gets the objects.
        observed: the kinds of what belongs to resources.
        namespaces: the namespaces to watch; empty for all.
        load: returns the credentials, also when they have expired.
        discovers: returns whether the API server's discovery lists a kind; may raise a ClusterError.

    Attributes:
        started: set when the watches begin.
    """

    def __init__(
        self,
        observer: Observer,
        observed: Collection[Kind],
        *,
        namespaces: Sequence[str],
        load: Callable[[], Credentials],
        discovers: Callable[[Kind], Awaitable[bool]],
    ) -> None:
        self._observer = observer
        self._observed = observed
        self._namespaces = namespaces
        self._load = load
        self._discovers = discovers
        self._stopping = asyncio.Event()
        self._watches: asyncio.Task[None] | None = None
        self.started = asyncio.Event()

    @asynccontextmanager
    async def watching(self, after: asyncio.Event) -> AsyncIterator[None]:
        """Watch, once an event is set, for as long as the context lasts."""
        asyncio.get_running_loop().set_exception_handler(_tolerate_abandoned_watches)
        self._watches = asyncio.create_task(self._watch(after), name="informer")
        try:
            yield
        finally:
            await self._stop(self._watches)

    async def until_ended(self) -> None:
        """Return when the watches end although the context lasts; Kopf logs why, and takes seconds to stop.

        Raises:
            WatchEndedError: they ended before they had begun.
        """
        assert self._watches is not None
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({stopping, self._watches}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._watches.done():
            self._watches.result()

    async def until_signalled(self) -> None:
        """Return on SIGTERM or SIGINT, which are Kopf's until it has started.

        Kopf would stop at a signal as it does when a watch fails, and nobody could tell the one from the other.
        """
        await self.started.wait()
        signalled = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, signalled.set)
        await signalled.wait()

    async def _watch(self, after: asyncio.Event) -> None:
        # What it does at each event is nobody's concern.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        await after.wait()
        await until_discovered(self._discovers, (RESOURCE, *self._observed))
        try:
            await kopf.operator(
                registry=informer_registry(self._observer, self._observed, self._load, self._stopping),
                settings=informer_settings(self._observed),
                identity=_IDENTITY,
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stopping,
                ready_flag=self.started,
            )
        except Exception as error:
            raise WatchEndedError(f"a watch has ended: {error}") from error

    async def _stop(self, watches: asyncio.Task[None]) -> None:
        self._stopping.set()
        if self.started.is_set():
            await asyncio.wait([watches], timeout=_STOP_SECONDS)
        # A watch of Kopf's may take this for the end of a pause and go on; it is not waited for.
        watches.cancel()
        await asyncio.wait([watches], timeout=_STOP_SECONDS)


def _tolerate_abandoned_watches(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the loop complains of, quietly when it is how Kopf leaves a watch that ends with the others.

    One that is cancelled between two events stays behind as a suspended generator, which cannot be closed any more
    (``kopf._cogs.clients.watching``). One that waits for its answer is to be cancelled by a callback, which takes
    itself for a task and fails (``kopf._cogs.clients.api.stream``). Their connections end with the process.
    """
    if "asyncgen" in context or "request_cancel_callback" in context["message"]:
        _log.debug("a watch was not closed: %s", context["message"])
    else:
        loop.default_exception_handler(context)
