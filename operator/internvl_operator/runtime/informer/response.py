"""The HTTP responses of Kopf's lists and watches, from which the observer gets the events at once.

Every write of the operator comes back as an event, though the answer to the write had the same object. Kopf runs a
task for each event and copies its object, which costs more than all other work on the event: so it gets none, and of
lists what the observer does not know.

Kopf reports the objects of a list, and not which objects the list lacks. This module finds the objects that were
deleted while a watch was broken.

Why: docs/design/001-kopf-as-informer.md
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from internvl_operator.kube.nesting import decoded, encoded
from internvl_operator.kube.objects import key_of, version_of
from internvl_operator.kube.port import Key, Kind
from internvl_operator.runtime.informer.observer import Observer
from internvl_operator.runtime.informer.watch_stream import whole_events

_IN_PASSING = frozenset({408, 409, 421, 422, 425})
"""Refusals of a read that come from what stands between, such as a gateway, and not from the API server."""


def informer_response(kinds: Iterable[Kind], observer: Observer) -> type[aiohttp.ClientResponse]:
    """Return the class of the responses of a session that hands events to the observer.

    Args:
        kinds: the kinds that are listed and watched; each has another plural.
        observer: says which objects it knows, gets the events of the others, and the keys of each complete list.
    """
    by_plural = {kind.plural: kind for kind in kinds}
    lists = ListedKeys(observer)

    class InformerResponse(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            await super().start(connection)
            if self.status in _IN_PASSING:
                # Kopf ends at a 4xx that it does not know, and tries again after a 503.
                self.status = 503
            if self.status == 200 and self.url.query.get("watch") == "true":
                content: Any = _Watch(self.content, by_plural[self.url.name], observer)
                self.content = content
            return self

        async def json(self, **_: Any) -> Any:
            answer = decoded(await self.read())
            kind = by_plural.get(self.url.name)
            if kind is None or "items" not in answer:
                return answer
            readable = [item for item in answer["items"] if _has_identity(item, kind, observer)]
            page = {**answer, "items": readable}
            lists.add(kind, self.url.path, page, is_first="continue" not in self.url.query)
            unknown = (item for item in readable if not observer.knows(kind, item))
            return {**answer, "items": [decoded(encoded(item)) for item in unknown]}

    return InformerResponse


class ListedKeys:
    """The keys of the lists that are under way, page by page.

    Args:
        observer: gets the keys of each complete list.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._keys: dict[str, set[Key]] = {}

    def add(self, kind: Kind, path: str, page: Mapping[str, Any], *, is_first: bool) -> None:
        """Take in a page.

        Args:
            kind: of the objects.
            path: of the list's URL.
            page: as the API server answered it.
            is_first: whether the list begins with it.
        """
        keys = self._keys.setdefault(path, set())
        if is_first:
            keys.clear()
        keys |= {key_of(item) for item in page["items"]}
        metadata = page["metadata"]
        if metadata.get("continue"):
            return
        *_, scope, namespace, _ = path.split("/")
        listed = self._keys.pop(path)
        self._observer.listed_by_informer(
            kind, namespace if scope == "namespaces" else "", listed, int(metadata["resourceVersion"])
        )


_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


class UnforeseenReadError(RuntimeError):
    """Kopf reads a watch in a way in which it would get what is known, and errors that end it."""


_PASSED_ON = frozenset({"exception", "set_exception", "on_eof", "is_eof", "at_eof"})
"""What aiohttp itself asks of the body of a response."""


class _Watch:
    """The body of a watch, as Kopf reads it: by ``iter_chunked``, and by nothing else."""

    def __init__(self, content: aiohttp.StreamReader, kind: Kind, observer: Observer) -> None:
        self._content = content
        self._kind = kind
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        if name in _PASSED_ON:
            return getattr(self._content, name)
        raise UnforeseenReadError(f"the body of a watch has no {name}: it is read by iter_chunked")

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        async for lines in whole_events(self._content.iter_chunked(size)):
            if rest := handed_on(lines, self._kind, self._observer):
                yield rest


def _has_identity(item: Any, kind: Kind, observer: Observer) -> bool:
    try:
        key_of(item)
        version_of(item)
    except Exception as error:
        observer.skipped(kind, error)
        return False
    return True


def handed_on(lines: bytes, kind: Kind, observer: Observer) -> bytes:
    """Hand those events of a watch, a line each, to the observer whose state it does not know.

    Returns:
        What is left for Kopf: the bookmarks and errors, by which it knows where to watch on.
    """
    return b"".join(_handed_on(line, kind, observer) for line in lines.splitlines(keepends=True))


def _handed_on(line: bytes, kind: Kind, observer: Observer) -> bytes:
    """Return an event as Kopf can read it, or nothing if it is the observer's, or nobody can read it."""
    try:
        event = decoded(line)
        event_type, body = event["type"], event["object"]
        if event_type not in _CHANGES:
            return encoded(event) + b"\n"
        if event_type == "DELETED" or not observer.knows(kind, body):
            observer.observe(kind, event_type, body)
    except Exception as error:
        observer.skipped(kind, error)
    return b""
