"""What Kopf gets to read of lists and watches, what the observer gets, and to whom it is told what is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import DEPLOYMENT, SERVICE
from internvl_operator.kube.port import Key
from internvl_operator.runtime.informer.response import handed_on, informer_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from internvl_operator.kube.port import Kind

LIST = f"{SERVICE.root}/{SERVICE.plural}"


def service(name: str, version: int, namespace: str = "vision") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version)}}


def event(event_type: str, body: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": event_type, "object": body}).encode() + b"\n"


class CachingObserver:
    """Knows what its cache holds, and notes events and which objects are gone."""

    def __init__(self, *known: Mapping[str, Any]) -> None:
        self.cache = Cache()
        self.events: list[tuple[str | None, Mapping[str, Any]]] = []
        self.gone: list[set[Key]] = []
        self.skips: list[tuple[str, str]] = []
        for body in known:
            self.cache.put(SERVICE, body)

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        return self.cache.knows(kind, body)

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        self.cache.put(kind, body)
        self.events.append((event_type, body))

    def skipped(self, kind: Kind, error: Exception) -> None:
        self.skips.append((kind.kind, type(error).__name__))

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        self.gone.append(self.cache.retain(kind, keys, version, lambda name: namespace in ("", name)))


@pytest.mark.parametrize(
    ("event_type", "body", "is_news"),
    [
        ("ADDED", service("known", 5), False),
        ("MODIFIED", service("known", 4), False),
        ("MODIFIED", service("known", 6), True),
        ("ADDED", service("unknown", 1), True),
        ("DELETED", service("known", 5), True),
    ],
)
def test_the_observer_gets_an_event_unless_it_knows_the_state_and_kopf_gets_none(
    event_type: str, body: Mapping[str, Any], is_news: bool
) -> None:
    observer = CachingObserver(service("known", 5))
    new = service("new", 7)
    lines = event("ADDED", new) + event(event_type, body)
    assert handed_on(lines, SERVICE, observer) == b""
    assert observer.events == [("ADDED", new), *([(event_type, body)] if is_news else [])]


@pytest.mark.parametrize(
    "line",
    [event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}), event("ERROR", {"code": 410})],
)
def test_kopf_gets_what_tells_it_where_to_watch_on(line: bytes) -> None:
    observer = CachingObserver()
    assert json.loads(handed_on(line, SERVICE, observer)) == json.loads(line)
    assert observer.events == []


async def test_an_observer_that_fails_at_an_event_gets_the_next_one() -> None:
    class Failing(CachingObserver):
        def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
            super().observe(kind, event_type, body)
            if body["metadata"]["name"] == "a":
                raise RuntimeError

    observer = Failing()
    handed_on(event("ADDED", service("a", 1)) + event("ADDED", service("b", 2)), SERVICE, observer)
    assert [body["metadata"]["name"] for _, body in observer.events] == ["a", "b"]
    assert observer.skips == [("Service", "RuntimeError")]


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


async def test_the_observer_gets_whole_events_that_are_news_and_kopf_the_bookmarks(server: Server) -> None:
    path = f"{LIST}?watch=true&resourceVersion=1"
    known, news = event("ADDED", service("known", 5)), event("MODIFIED", service("known", 6))
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    server.answers[path] = known + news + bookmark + known[:-9]
    observer = CachingObserver(service("known", 5))
    (text,) = await server.ask(observer, path)
    assert json.loads(text) == json.loads(bookmark)
    assert observer.events == [("MODIFIED", service("known", 6))]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(409, 503), (422, 503), (404, 404), (410, 410), (403, 403), (429, 429), (500, 500)],
)
async def test_a_refusal_in_passing_reads_as_one_that_is_tried_again(
    server: Server, status: int, expected: int
) -> None:
    server.answers[LIST], server.status = b"{}", status
    assert await server.status_of(LIST) == expected


def deep(version: int, levels: int, event_type: str = "MODIFIED") -> bytes:
    """An event about a Service that somebody nested so deep, be it in its managedFields."""
    nested = '{"f:a":' * levels + "{}" + "}" * levels
    metadata = f'"name":"deep","namespace":"vision","resourceVersion":"{version}","managedFields":[{nested}]'
    return f'{{"type":"{event_type}","object":{{"metadata":{{{metadata}}}}}}}\n'.encode()


@pytest.mark.parametrize("levels", [100, 300, 1100, 9000])
async def test_an_event_that_is_nested_too_deep_ends_no_watch(server: Server, levels: int) -> None:
    path = f"{LIST}?watch=true&resourceVersion=1"
    server.answers[path] = (
        event("ADDED", service("before", 2)) + deep(3, levels) + event("ADDED", service("b", 4))
    )
    observer = CachingObserver()

    await server.ask(observer, path)

    names = [body["metadata"]["name"] for _, body in observer.events]
    assert names == ["before", "deep", "b"]
    assert observer.skips == []


async def test_a_line_that_nobody_can_read_is_skipped_and_told(server: Server) -> None:
    path = f"{LIST}?watch=true&resourceVersion=1"
    strange = (
        b'{"type":"ADDED","object":{}}\n',
        b'{"type":"ADDED","object":{"metadata":null}}\n',
        b"[]\n",
        b"{,}\n",
    )
    server.answers[path] = b"".join(strange) + event("ADDED", service("b", 4))
    observer = CachingObserver()

    await server.ask(observer, path)

    assert observer.events == [("ADDED", service("b", 4))]
    assert [kind for kind, _ in observer.skips] == ["Service"] * len(strange)


@pytest.mark.parametrize("levels", [100, 300, 1100, 9000])
async def test_an_object_that_is_nested_too_deep_spoils_no_list(server: Server, levels: int) -> None:
    item = deep(3, levels).decode().partition('"object":')[2].rstrip()[:-1]
    others = [json.dumps(service(name, 1)) for name in ("before", "after")]
    text = f'{{"metadata":{{"resourceVersion":"9"}},"items":[{others[0]},{item},{others[1]}]}}'
    server.answers[LIST] = text.encode()

    (answer,) = await server.ask(CachingObserver(service("gone", 1)), LIST)

    assert [each["metadata"]["name"] for each in answer["items"]] == ["before", "deep", "after"]
    json.loads(json.dumps(answer))
