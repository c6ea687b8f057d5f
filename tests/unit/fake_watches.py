"""An API server with lists and watches, for whoever lists and watches: what it says is what a test tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from internvl_operator.kube.port import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
"""Kopf waits for discovery to tell of it, whatever it watches."""

END = b""
"""Ends a watch."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]


@dataclass
class FakeWatches:
    """Serves until its context ends, in a thread and a loop of its own: Kopf cancels tasks that are not its own.

    Args:
        kinds: that discovery tells of.
        pages: the pages of each kind's list, as JSON; the same at each list.
        refusals: by kind, the status that is answered instead.
        watch_refusals: the same for the watches alone.
    """

    kinds: tuple[Kind, ...]
    pages: dict[Kind, list[bytes]] = field(default_factory=dict)
    refusals: dict[Kind, int] = field(default_factory=dict)
    watch_refusals: dict[Kind, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._loop = asyncio.new_event_loop()
        self._lines: dict[Kind, asyncio.Queue[bytes]] = {kind: asyncio.Queue() for kind in self.kinds}
        self._thread = threading.Thread(target=self._serve, args=(started,))
        self._thread.start()
        self.url = started.result(timeout=50)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=50)

    def tell(self, kind: Kind, *lines: bytes) -> None:
        """Send bytes to who watches a kind, or will; END ends the watch after those before it."""
        for line in lines:
            self._loop.call_soon_threadsafe(self._lines[kind].put_nowait, line)

    def lists(self, kind: Kind) -> list[Asked]:
        """Return the lists of a kind that were asked for."""
        return [asked for asked in self._reads(kind) if "watch" not in asked.query]

    def watches(self, kind: Kind) -> list[Asked]:
        """Return the watches of a kind that were asked for."""
        return [asked for asked in self._reads(kind) if "watch" in asked.query]

    async def asked_to_watch(self, kind: Kind) -> None:
        """Wait until somebody has asked to watch a kind."""
        while not self.watches(kind):  # noqa: ASYNC110 - it is served in another loop
            await asyncio.sleep(0.02)

    async def asked_again(self, kind: Kind) -> None:
        """Wait until a kind's list was asked for twice."""
        while len(self.lists(kind)) < 2:  # noqa: ASYNC110 - it is served in another loop
            await asyncio.sleep(0.02)

    def _reads(self, kind: Kind) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == f"{kind.root}/{kind.plural}"]

    def _serve(self, started: Future[str]) -> None:
        asyncio.set_event_loop(self._loop)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        host, port = runner.addresses[0][:2]
        started.set_result(f"http://{host}:{port}")
        self._loop.run_forever()
        watches = asyncio.all_tasks(self._loop)
        for task in watches:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*watches, return_exceptions=True))
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.method, request.path, dict(request.query)))
        for kind in self.kinds:
            if request.path == f"{kind.root}/{kind.plural}":
                return await self._of_kind(request, kind)
        return web.json_response(self._discovery(request.path))

    async def _of_kind(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        watches = request.query.get("watch") == "true"
        refusals = self.refusals | self.watch_refusals if watches else self.refusals
        if kind in refusals:
            return web.json_response({"kind": "Status", "message": "refused"}, status=refusals[kind])
        if watches:
            return await self._watch(request, self._lines[kind])
        pages = self.pages.get(kind) or [page(1)]
        body = pages[int(request.query.get("continue", "0"))]
        return web.Response(body=body, content_type="application/json")

    async def _watch(self, request: web.Request, lines: asyncio.Queue[bytes]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while line := await lines.get():
            await response.write(line)
        return response

    def _discovery(self, path: str) -> dict[str, Any]:
        groups = {kind.api_version for kind in self.kinds if "/" in kind.api_version}
        if path == "/api":
            return {"versions": ["v1"]}
        if path == "/apis":
            return {"groups": [_group(*version.split("/")) for version in groups]}
        known = (*self.kinds, _NAMESPACE)
        return {"resources": [_resource(kind) for kind in known if kind.root == path]}


def page(version: int, *items: Any, following: str = "") -> bytes:
    """Return a page of a list; an item that is a text stands there as it is."""
    texts = ",".join(item if isinstance(item, str) else json.dumps(item) for item in items)
    metadata = json.dumps({"resourceVersion": str(version), "continue": following})
    return f'{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":[{texts}]}}'.encode()


def event(event_type: str, body: Any) -> bytes:
    """Return an event of a watch; a body that is a text stands there as it is."""
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
    return f'{{"type":"{event_type}","object":{text}}}\n'.encode()


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resource(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "kind": kind.kind,
        "namespaced": kind.namespaced,
        "verbs": ["list", "watch"],
    }
