"""The port to Kubernetes: what the reconciler asks, as requests to the API server.

Why: docs/design/002-own-api-client.md
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.event import FIELD_MANAGER, event_body
from internvl_operator.kube.kinds import CHILDREN, EVENT, JOB, RESOURCE
from internvl_operator.kube.leader_election.fence import Fence, open_fence
from internvl_operator.kube.port import (
    ClusterError,
    ClusterEvent,
    ForbiddenError,
    Keep,
    Key,
    Kind,
    KubernetesObject,
    NotFoundError,
    ObjectList,
    whole,
)

PAGE = 100
"""Objects of one answer to a list: a Deployment is some 20 KB of JSON, and ten times as much once it is parsed."""
_LAST_EVENTS_SECONDS = 1.0
"""Time for the Events that are under way when the client is closed."""

_APPLY = "application/apply-patch+yaml"
_APPLY_PARAMETERS = {"fieldManager": FIELD_MANAGER, "force": "true"}
_NO_VERSION = "1"
"""A resourceVersion that no object has: the API server compares it with that of an object that exists, and refuses.

The first revision that etcd gives to a key is 2. Where there is no object, there is nothing to compare, and it is
created (Kubernetes: ``registry.Store.Update``).
"""
_KINDS = {(kind.api_version, kind.kind): kind for kind in (RESOURCE, EVENT, JOB, *CHILDREN.values())}

_log = logging.getLogger(__name__)


class KubernetesClient:
    """An implementation of the Cluster port; use it as an asynchronous context manager.

    Args:
        load: returns the credentials; called again when the API server no longer accepts them.
        namespaces: the namespaces that lists look into; empty means all.
        observe: called after every request with method, kind, status code (0 without an answer) and seconds.
        fence: what every write has to pass; None lets all through.
    """

    def __init__(
        self,
        load: Callable[[], Credentials],
        namespaces: Sequence[str] = (),
        observe: Callable[[str, str, int, float], None] = lambda *_: None,
        fence: Fence | None = None,
    ) -> None:
        self._namespaces = tuple(namespaces)
        self._connection = Connection(load, observe, fence or open_fence())
        self._events: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events:
            await asyncio.wait(self._events, timeout=_LAST_EVENTS_SECONDS)
        await self._connection.__aexit__(kind, error, trace)

    async def apply(self, manifest: Mapping[str, Any], *, uid: str | None) -> KubernetesObject:
        """Apply a manifest server-side to the object of a uid, or create it where there is none of its name.

        A server-side apply alone would change, and so take over, any object of that name. A POST would not; but what
        it writes belongs to an ``Update`` of the field manager, and no later apply could remove a field of it.

        Raises:
            ConflictError: the object is another one, or exists although it was to be created.
        """
        kind = _kind_of(manifest)
        precondition = {"resourceVersion": _NO_VERSION} if uid is None else {"uid": uid}
        body = {**manifest, "metadata": {**manifest["metadata"], **precondition}}
        return await self._connection.request(
            "PATCH", kind, _path_of(kind, manifest), _APPLY_PARAMETERS, body, _APPLY
        )

    async def delete(self, kind: Kind, key: Key, uid: str) -> None:
        """Delete an object if it still has this uid.

        Raises:
            ConflictError: the object changes at this moment, or has another uid; a watch will report it.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            await self._connection.request("DELETE", kind, _path(kind, key), {}, options)
        except NotFoundError:
            return

    async def list(self, kind: Kind, selector: str = "", keep: Keep = whole) -> ObjectList:
        """Return what is kept of all objects of a kind, page by page.

        Of several namespaces, those that may not be read are named in the answer: a namespace takes its Role along
        when it is deleted, and the others are served on.
        """
        if not (kind.namespaced and self._namespaces):
            return await self._list(kind, "", selector, keep)
        lists: list[ObjectList] = []
        refused: dict[str, ForbiddenError] = {}
        for namespace in self._namespaces:
            with _noted(refused, namespace):
                lists.append(await self._list(kind, f"/namespaces/{namespace}", selector, keep))
        if not lists:
            raise next(iter(refused.values()))
        for error in refused.values():
            _log.warning("left out: %s", error)
        return ObjectList(
            [item for found in lists for item in found.items],
            min(found.resource_version for found in lists),
            frozenset(refused),
        )

    async def find(self, kind: Kind, key: Key) -> KubernetesObject | None:
        """Return the object of a name; a list finds it with the rights that the operator has."""
        collection = _path(kind, Key(key.namespace, ""))
        named = {"fieldSelector": f"metadata.name={key.name}"}
        answer = await self._connection.request("GET", kind, collection, named)
        return next(iter(answer["items"]), None)

    async def discovers(self, kind: Kind) -> bool:
        """Return whether the API server's discovery lists a kind, which it does a moment after it serves a new one."""
        groups = await self._connection.request("GET", kind, "/apis", {})
        versions = {version["groupVersion"] for group in groups["groups"] for version in group["versions"]}
        if kind.api_version not in versions:
            return False
        listed = await self._connection.request("GET", kind, kind.root, {})
        return any(item["name"] == kind.plural for item in listed["resources"])

    async def get(self, kind: Kind, key: Key) -> KubernetesObject:
        """Return one object.

        Raises:
            NotFoundError: there is none.
        """
        return await self._connection.request("GET", kind, _path(kind, key), {})

    async def create(self, manifest: Mapping[str, Any], manager: str) -> KubernetesObject:
        """Create an object.

        Args:
            manifest: of a kind that the operator works with.
            manager: who owns its fields.

        Raises:
            ConflictError: there is one of that name.
        """
        kind = _kind_of(manifest)
        path = _path(kind, Key(manifest["metadata"]["namespace"], ""))
        return await self._connection.request("POST", kind, path, {"fieldManager": manager}, manifest)

    async def patch_status(
        self, manifest: Mapping[str, Any], manager: str = FIELD_MANAGER
    ) -> KubernetesObject:
        """Apply the status of an existing object of the same uid; only fields of this manager are changed."""
        kind = _kind_of(manifest)
        path = f"{_path_of(kind, manifest)}/status"
        parameters = {**_APPLY_PARAMETERS, "fieldManager": manager}
        return await self._connection.request("PATCH", kind, path, parameters, manifest, _APPLY)

    async def record_event(self, subject: Mapping[str, Any], event: ClusterEvent) -> None:
        """Record an Event in the background. A failure is only logged, as Events are for people."""
        body = event_body(subject, event, datetime.now(UTC))
        recording = asyncio.create_task(self._record(body), name=f"event {event.reason}")
        self._events.add(recording)
        recording.add_done_callback(self._events.discard)

    async def _record(self, body: Mapping[str, Any]) -> None:
        path = _path(EVENT, Key(body["metadata"]["namespace"], ""))
        try:
            await self._connection.request("POST", EVENT, path, {"fieldManager": FIELD_MANAGER}, body)
        except ClusterError as error:
            _log.warning("event %s was not recorded: %s", body["reason"], error)

    async def _list(self, kind: Kind, scope: str, selector: str, keep: Keep) -> ObjectList:
        items: list[KubernetesObject] = []
        parameters = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            path = f"{kind.root}{scope}/{kind.plural}"
            page = await self._connection.request("GET", kind, path, parameters)
            for item in page["items"]:
                with _each_by_itself(kind, item):
                    items.append(keep(item))
            metadata = page["metadata"]
            if not metadata.get("continue"):
                return ObjectList(items, int(metadata["resourceVersion"]))
            parameters["continue"] = metadata["continue"]


@contextmanager
def _noted(refused: dict[str, ForbiddenError], namespace: str) -> Iterator[None]:
    try:
        yield
    except ForbiddenError as error:
        refused[namespace] = error


@contextmanager
def _each_by_itself(kind: Kind, item: Mapping[str, Any]) -> Iterator[None]:
    """Leave out of a list what cannot be kept of it: somebody else wrote that one object."""
    try:
        yield
    except Exception as error:
        name = (item.get("metadata") or {}).get("name")
        _log.warning("%s %s is left out: %s: %s", kind.kind, name, type(error).__name__, error)


def _kind_of(manifest: Mapping[str, Any]) -> Kind:
    return _KINDS[manifest["apiVersion"], manifest["kind"]]


def _path_of(kind: Kind, manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    return _path(kind, Key(metadata["namespace"], metadata["name"]))


def _path(kind: Kind, key: Key) -> str:
    collection = f"{kind.root}/namespaces/{key.namespace}/{kind.plural}"
    return f"{collection}/{key.name}" if key.name else collection
