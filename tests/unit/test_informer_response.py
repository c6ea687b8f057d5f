"""What Kopf gets to read of lists and watches: what is not known yet, and to whom it is told what is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import DEPLOYMENT, SERVICE
from internvl_operator.kube.port import Key
from internvl_operator.runtime.informer.informer_response import informer_response, news_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from internvl_operator.kube.port import Kind

LIST = f"{SERVICE.root}/{SERVICE.plural}"


def service(name: str, version: int, namespace: str = "vision") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version)}}


def event(event_type: str, body: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": event_type, "object": body}).encode() + b"\n"


class CachingObserver:
    """Knows what its cache holds, and notes which objects are gone."""

    def __init__(self, *known: Mapping[str, Any]) -> None:
        self.cache = Cache()
        self.gone: list[set[Key]] = []
        for body in known:
            self.cache.put(SERVICE, body)

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        return self.cache.knows(kind, body)

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        self.gone.append(self.cache.retain(kind, keys, version, lambda name: namespace in ("", name)))


@pytest.mark.parametrize(
    ("line", "is_passed_on"),
    [
        (event("ADDED", service("known", 5)), False),
        (event("MODIFIED", service("known", 4)), False),
        (event("MODIFIED", service("known", 6)), True),
        (event("ADDED", service("unknown", 1)), True),
        (event("DELETED", service("known", 5)), True),
        (event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}), True),
        (event("ERROR", {"code": 410}), True),
    ],
)
def test_an_event_is_passed_on_unless_its_state_is_known(line: bytes, is_passed_on: bool) -> None:
    observer = CachingObserver(service("known", 5))
    before = event("ADDED", service("new", 7))
    assert news_of(before + line, SERVICE, observer) == before + line * is_passed_on


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """An API server that answers what it is told to."""
    async with Server() as running:
        yield running


class Server:
    """Answers each path and query with the body that is set for it."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.status = 200

    async def __aenter__(self) -> Server:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(body=self.answers[request.path_qs], status=self.status)

    def page(self, path: str, version: int, *items: Mapping[str, Any], following: str = "") -> None:
        metadata = {"resourceVersion": str(version), "continue": following}
        self.answers[path] = json.dumps({"metadata": metadata, "items": items}).encode()

    async def ask(self, observer: CachingObserver, *paths: str) -> list[Any]:
        """Return the answers as Kopf reads them."""
        response_class = informer_response([SERVICE, DEPLOYMENT], observer)
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        async with aiohttp.ClientSession(response_class=response_class) as session:
            return [await self._read(session, url + path) for path in paths]

    async def status_of(self, path: str) -> int:
        """Return the status of an answer as Kopf reads it."""
        response_class = informer_response([SERVICE], CachingObserver())
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{path}"
        async with (
            aiohttp.ClientSession(response_class=response_class) as session,
            session.get(url) as response,
        ):
            return response.status

    async def _read(self, session: aiohttp.ClientSession, url: str) -> Any:
        async with session.get(url) as response:
            if "watch=true" in url:
                return b"".join([chunk async for chunk in response.content.iter_chunked(1 << 20)])
            return await response.json()


async def test_a_list_has_what_is_unknown_and_tells_what_is_gone(server: Server) -> None:
    observer = CachingObserver(service("known", 5), service("gone", 6), service("newer than the list", 12))
    server.page(LIST, 10, service("known", 5), service("missed", 9))

    (answer,) = await server.ask(observer, LIST)

    assert [item["metadata"]["name"] for item in answer["items"]] == ["missed"]
    assert observer.gone == [{Key("vision", "gone")}]
    assert observer.cache.get(SERVICE, Key("vision", "newer than the list"))


async def test_nothing_is_gone_before_the_last_page(server: Server) -> None:
    observer = CachingObserver(service("first", 1), service("second", 2), service("gone", 3))
    server.page(f"{LIST}?limit=1", 10, service("first", 1), following="x")
    server.page(f"{LIST}?limit=1&continue=x", 10, service("second", 2))

    await server.ask(observer, f"{LIST}?limit=1", f"{LIST}?limit=1", f"{LIST}?limit=1&continue=x")

    assert observer.gone == [{Key("vision", "gone")}]


async def test_a_list_of_one_namespace_says_nothing_of_others(server: Server) -> None:
    observer = CachingObserver(service("gone", 1), service("elsewhere", 2, "speech"))
    path = f"{SERVICE.root}/namespaces/vision/{SERVICE.plural}"
    server.page(path, 10)

    await server.ask(observer, path)

    assert observer.gone == [{Key("vision", "gone")}]


async def test_what_is_no_list_of_a_watched_kind_stays_as_it_is(server: Server) -> None:
    discovery = {"kind": "APIResourceList", "resources": [{"name": "services"}]}
    server.answers["/apis/apps/v1"] = json.dumps(discovery).encode()
    assert await server.ask(CachingObserver(), "/apis/apps/v1") == [discovery]


async def test_a_watch_has_whole_events_that_are_news(server: Server) -> None:
    path = f"{LIST}?watch=true&resourceVersion=1"
    known, news = event("ADDED", service("known", 5)), event("MODIFIED", service("known", 6))
    server.answers[path] = known + news + known[:-9]
    assert await server.ask(CachingObserver(service("known", 5)), path) == [news]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(409, 503), (422, 503), (404, 404), (410, 410), (403, 403), (429, 429), (500, 500)],
)
async def test_a_refusal_in_passing_reads_as_one_that_is_tried_again(
    server: Server, status: int, expected: int
) -> None:
    server.answers[LIST], server.status = b"{}", status
    assert await server.status_of(LIST) == expected
