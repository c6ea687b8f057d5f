"""What the informer leans on of Kopf, with the real Kopf: whoever updates it learns here what no longer holds."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from kopf._cogs.clients import api as kopf_client

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import RESOURCE, SERVICE
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import Key
from internvl_operator.runtime.informer.informer import Informer, WatchEndedError
from tests.unit.fake_watches import END, FakeWatches, event, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping

    from internvl_operator.kube.port import Kind

WITHIN_SECONDS = 5.0


class NotingObserver:
    """Keeps what it is told in a cache, and notes it."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.seen: list[tuple[str | None, str, str]] = []
        self.gone: list[Key] = []
        self.skips: list[str] = []
        self._changed = asyncio.Event()

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        self.cache.put(kind, body)
        self.seen.append((event_type, body["metadata"]["name"], body["metadata"]["resourceVersion"]))
        self._changed.set()

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        return self.cache.knows(kind, body)

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        self.gone += self.cache.retain(kind, keys, version, lambda name: namespace in ("", name))
        self._changed.set()

    def skipped(self, kind: Kind, error: Exception) -> None:
        self.skips.append(f"{kind.kind} {type(error).__name__}")
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was noted fulfils a condition."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_seen(self, name: str) -> None:
        await self.until(lambda: any(seen == name for _, seen, _ in self.seen))


def service(name: str, version: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "vision", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


def deep(name: str, version: int, levels: int = 5000) -> str:
    """Return, as a text, an object that no library can read as a whole."""
    metadata = (
        f'"name":"{name}","namespace":"vision","uid":"uid-{name}","resourceVersion":"{version}",'
        f'"managedFields":[{"[" * levels}{"]" * levels}]'
    )
    return f'{{"metadata":{{{metadata}}}}}'


@pytest.fixture
def server() -> Iterator[FakeWatches]:
    with FakeWatches((RESOURCE, SERVICE)) as running:
        yield running
        assert {asked.method for asked in running.asked} <= {"GET"}, "an informer writes nothing"


@pytest.fixture
def observer() -> NotingObserver:
    return NotingObserver()


@asynccontextmanager
async def watching(server: FakeWatches, observer: NotingObserver) -> AsyncIterator[Informer]:
    """Yield an informer that watches resources and Services."""

    async def discovers(_: Kind) -> bool:
        return True

    at_once = asyncio.Event()
    at_once.set()
    informer = Informer(
        observer, [SERVICE], namespaces=(), load=lambda: Credentials(server.url), discovers=discovers
    )
    async with informer.watching(after=at_once):
        yield informer


async def until_ended(informer: Informer) -> None:
    with suppress(WatchEndedError):
        await informer.until_ended()


async def test_kopf_asks_for_what_is_labelled_page_by_page_and_watches_on_from_there(
    server: FakeWatches, observer: NotingObserver
) -> None:
    server.pages[SERVICE] = [page(7, service("a", 1), following="1"), page(7, service("b", 2))]

    async with watching(server, observer):
        await observer.until_seen("b")
        server.tell(SERVICE, event("ADDED", service("c", 8)))
        await observer.until_seen("c")

    assert observer.seen == [(None, "a", "1"), (None, "b", "2"), ("ADDED", "c", "8")]
    first, second = (dict(asked.query) for asked in server.lists(SERVICE))
    assert first == {"limit": "100", "labelSelector": "internvl.dev/name"}
    assert second == {**first, "continue": "1"}
    (watch,) = server.watches(SERVICE)
    assert watch.query["labelSelector"] == "internvl.dev/name"
    assert watch.query["resourceVersion"] == "7"
    assert all("labelSelector" not in asked.query for asked in server.lists(RESOURCE))


async def test_kopf_reads_lists_by_json_so_that_a_known_object_runs_no_handler(
    server: FakeWatches, observer: NotingObserver
) -> None:
    observer.cache.put(SERVICE, service("known", 5))
    observer.cache.put(SERVICE, service("gone", 5))
    server.pages[SERVICE] = [page(7, service("known", 5), service("new", 6))]

    async with watching(server, observer):
        await observer.until_seen("new")

    assert observer.seen == [(None, "new", "6")]
    assert observer.gone == [Key("vision", "gone")]


async def test_kopf_reads_watches_by_iter_chunked_so_that_a_known_event_runs_no_handler(
    server: FakeWatches, observer: NotingObserver
) -> None:
    observer.cache.put(SERVICE, service("known", 5))

    async with watching(server, observer):
        server.tell(SERVICE, event("MODIFIED", service("known", 5)), event("ADDED", service("new", 6)))
        await observer.until_seen("new")
        server.tell(SERVICE, event("DELETED", service("known", 5)))
        await observer.until_seen("known")

    assert observer.seen == [("ADDED", "new", "6"), ("DELETED", "known", "5")]


async def test_a_kopf_that_reads_watches_otherwise_fails_aloud(
    server: FakeWatches,
    observer: NotingObserver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def by_lines(content: Any, chunk_size: int = 0) -> AsyncIterator[bytes]:  # noqa: ARG001
        while line := await content.readline():
            yield line

    monkeypatch.setattr(kopf_client, "iter_jsonlines", by_lines)

    async with watching(server, observer) as informer, asyncio.timeout(WITHIN_SECONDS):
        server.tell(SERVICE, event("ADDED", service("new", 6)))
        await until_ended(informer)

    assert "the body of a watch has no readline: it is read by iter_chunked" in caplog.text
    assert observer.seen == []


@pytest.mark.parametrize(
    "interruption",
    [
        pytest.param([event("ERROR", {"kind": "Status", "code": 500, "message": "etcd"}), END], id="ERROR"),
        pytest.param([event("ERROR", {"kind": "Status", "code": 410, "message": "old"}), END], id="expired"),
        pytest.param([event("ADDED", service("half", 8))[:-30], END], id="half an event"),
        pytest.param([END], id="end"),
    ],
)
async def test_no_end_of_a_watch_is_the_end_of_the_informer(
    server: FakeWatches, observer: NotingObserver, interruption: list[bytes]
) -> None:
    async with watching(server, observer) as informer:
        server.tell(SERVICE, event("ADDED", service("before", 7)), *interruption)
        server.tell(SERVICE, event("ADDED", service("after", 9)))
        await observer.until_seen("after")
        assert informer.started.is_set()

    assert ("ADDED", "before", "7") in observer.seen
    assert len(server.watches(SERVICE)) == 2


async def test_an_object_that_nobody_can_read_as_a_whole_harms_no_other(
    server: FakeWatches, observer: NotingObserver
) -> None:
    server.pages[SERVICE] = [page(7, service("a", 1), deep("b", 2), {"metadata": {}}, service("c", 3))]

    async with watching(server, observer):
        await observer.until_seen("c")
        lines = (event("MODIFIED", deep("b", 8)), b'{"type":"MODIFIED","object":{}}\n', b"{,}\n")
        server.tell(SERVICE, *lines, event("ADDED", service("d", 9)))
        await observer.until_seen("d")

    assert [name for _, name, _ in observer.seen] == ["a", "b", "c", "b", "d"]
    assert len(observer.skips) == 3
    assert key_of(observer.cache.get(SERVICE, Key("vision", "b")) or {}) == Key("vision", "b")


async def test_what_may_not_be_read_is_asked_for_again(server: FakeWatches, observer: NotingObserver) -> None:
    server.refusals[SERVICE] = 403

    async with watching(server, observer), asyncio.timeout(WITHIN_SECONDS):
        await server.asked_again(SERVICE)
        server.pages[SERVICE] = [page(7, service("a", 1))]
        del server.refusals[SERVICE]
        await observer.until_seen("a")


async def test_a_kind_that_is_not_served_any_more_ends_the_informer(
    server: FakeWatches, observer: NotingObserver
) -> None:
    server.refusals[SERVICE] = 404

    async with watching(server, observer) as informer, asyncio.timeout(WITHIN_SECONDS):
        await until_ended(informer)


async def test_the_end_of_one_watch_complains_of_none_that_is_being_asked_for(
    server: FakeWatches, observer: NotingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    server.watch_refusals[RESOURCE] = 403

    async with watching(server, observer) as informer, asyncio.timeout(WITHIN_SECONDS):
        await server.asked_to_watch(RESOURCE)
        server.refusals[SERVICE] = 404
        server.tell(SERVICE, END)
        await until_ended(informer)

    assert "Exception in callback" not in caplog.text


async def test_a_signal_is_told_and_does_not_end_the_watches(
    server: FakeWatches, observer: NotingObserver
) -> None:
    async with watching(server, observer) as informer, asyncio.timeout(WITHIN_SECONDS):
        signalled = asyncio.create_task(informer.until_signalled())
        await informer.started.wait()
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await signalled
        server.tell(SERVICE, event("ADDED", service("after", 9)))
        await observer.until_seen("after")
