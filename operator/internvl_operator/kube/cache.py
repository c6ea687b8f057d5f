"""The last known state of the watched objects.

It is fed by the watches, by full lists, and by the answers to the operator's own writes, so that a write is seen
at once by who made it. An older state never replaces a newer one.

Why: docs/design/010-full-lists.md
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from internvl_operator.api.v1alpha1 import KIND
from internvl_operator.kube.kinds import POD, RESOURCE
from internvl_operator.kube.nesting import LEFT_OUT, encoded
from internvl_operator.kube.objects import controller_of, key_of, version_of
from internvl_operator.kube.port import Key, Kind, KubernetesObject
from internvl_operator.kube.slimming import kept
from internvl_operator.manifests.labels import NAME_LABEL, PICKER_SUFFIX

_LEFT_OUT = LEFT_OUT.encode()
_FASTEST = 1
"""zlib's level: a Deployment shrinks to a fifth; more effort gains little."""


def resource_key(kind: Kind, body: Mapping[str, Any]) -> Key:
    """Return the key of the resource that an object belongs to.

    A child's controller names it; what has lost its controller has the resource's name, with a suffix or without. A pod
    has the name in a label.
    """
    key = key_of(body)
    if kind == RESOURCE:
        return key
    if kind != POD:
        controller = controller_of(body) or {}
        is_ours = controller.get("kind") == KIND
        return Key(key.namespace, controller["name"] if is_ours else key.name.removesuffix(PICKER_SUFFIX))
    return Key(key.namespace, (body["metadata"].get("labels") or {}).get(NAME_LABEL, ""))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One object as it is kept: compressed JSON takes a fifteenth of the memory of the dicts that it is made of.

    Args:
        version: the object's resourceVersion.
        resource: key of the resource that it belongs to.
        content: the object without its resourceVersion.
        is_incomplete: whether a part was nested too deep to be kept.
    """

    version: int
    resource: Key
    content: bytes
    is_incomplete: bool

    @classmethod
    def of(cls, kind: Kind, body: Mapping[str, Any]) -> Self:
        slim = kept(kind, body)
        slim["metadata"].pop("resourceVersion", None)
        text = encoded(slim)
        content = zlib.compress(text, _FASTEST)
        return cls(version_of(body), resource_key(kind, slim), content, _LEFT_OUT in text)

    def object(self) -> KubernetesObject:
        found: KubernetesObject = orjson.loads(zlib.decompress(self.content))
        found["metadata"]["resourceVersion"] = str(self.version)
        return found


class Cache:
    """Objects by kind, namespace and name, without the fields that nobody compares."""

    def __init__(self) -> None:
        self._objects: dict[Kind, dict[Key, _Entry]] = {}
        self._deleted: dict[tuple[Kind, Key], int] = {}
        self._pods: dict[Key, set[Key]] = {}

    def get(self, kind: Kind, key: Key, known: KubernetesObject | None = None) -> KubernetesObject | None:
        """Return a copy of an object, or None when there is none.

        Args:
            kind: of the object.
            key: of the object.
            known: what was returned before: it is returned again, and nothing unpacked, if it has not changed since.
        """
        entry = self._objects.get(kind, {}).get(key)
        if entry is None:
            return None
        return known if known is not None and version_of(known) == entry.version else entry.object()

    def objects(self, kind: Kind) -> Iterator[KubernetesObject]:
        """Return copies of all objects of a kind, one after the other."""
        for entry in list(self._objects.get(kind, {}).values()):
            yield entry.object()

    def holds(self, kind: Kind, key: Key) -> bool:
        """Return whether there is an object, without unpacking it."""
        return key in self._objects.get(kind, {})

    def count(self, kind: Kind) -> int:
        """Return the number of objects of a kind."""
        return len(self._objects.get(kind, {}))

    def is_incomplete(self, kind: Kind, key: Key) -> bool:
        """Return whether a part of an object was nested too deep to be kept."""
        entry = self._objects.get(kind, {}).get(key)
        return entry is not None and entry.is_incomplete

    def incomplete(self, kind: Kind) -> int:
        """Return the number of objects of a kind of which a part was nested too deep to be kept."""
        return sum(entry.is_incomplete for entry in self._objects.get(kind, {}).values())

    def newest(self, key: Key) -> int:
        """Return the highest resourceVersion of the objects of a name, which are a resource and its children."""
        known = (entries.get(key) for entries in self._objects.values())
        return max((entry.version for entry in known if entry is not None), default=0)

    def pods(self, resource: Key) -> list[KubernetesObject]:
        """Return the pods that carry the label of a resource, by name."""
        known = self._objects.get(POD, {})
        return [known[key].object() for key in sorted(self._pods.get(resource, ()))]

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether this state of an object, or a newer one, is known; one that is gone may be known too."""
        key, version = key_of(body), version_of(body)
        known = self._objects.get(kind, {}).get(key)
        return (known is not None and known.version >= version) or self._deleted.get(
            (kind, key), -1
        ) >= version

    def put(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Keep an object unless a newer state of it is known; return whether anything that is kept changed."""
        if self.knows(kind, body):
            return False
        key = key_of(body)
        known = self._objects.get(kind, {}).get(key)
        self._deleted.pop((kind, key), None)
        entry = _Entry.of(kind, body)
        self._remove(kind, key)
        self._objects.setdefault(kind, {})[key] = entry
        if kind == POD:
            self._pods.setdefault(entry.resource, set()).add(key)
        return known is None or known.content != entry.content

    def drop(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Forget an object that was deleted in this state; return whether it was known."""
        key, version = key_of(body), version_of(body)
        known = self._objects.get(kind, {}).get(key)
        if known is not None and known.version > version:
            return False
        self._deleted[kind, key] = version
        return self._remove(kind, key)

    def complete(
        self, kind: Kind, keys: Collection[Key], version: int, unread: Collection[str] = frozenset()
    ) -> set[Key]:
        """Take in that a full list, each object of which was put, is complete.

        What it lacks was deleted, unless it is newer than the list, or in a namespace that was not read.

        Args:
            kind: of the objects.
            keys: of all that were listed.
            version: the resourceVersion at which the list was true.
            unread: namespaces.

        Returns:
            The keys of the resources whose objects are gone.
        """
        gone = self.retain(kind, keys, version, lambda namespace: namespace not in unread)
        self._deleted = {item: at for item, at in self._deleted.items() if item[0] != kind or at > version}
        return gone

    def retain(
        self, kind: Kind, keys: Collection[Key], version: int, covers: Callable[[str], bool]
    ) -> set[Key]:
        """Forget what a list that was true at a resourceVersion lacks, unless it is newer.

        Args:
            kind: the kind of the objects.
            keys: the keys of the objects in the list.
            version: the resourceVersion of the list.
            covers: returns whether a namespace was listed.

        Returns:
            The keys of the resources whose objects are gone.
        """
        gone = {
            key: entry
            for key, entry in self._objects.get(kind, {}).items()
            if key not in keys and covers(key.namespace) and entry.version <= version
        }
        for key in gone:
            self._remove(kind, key)
        return {entry.resource for entry in gone.values()}

    def _remove(self, kind: Kind, key: Key) -> bool:
        removed = self._objects.get(kind, {}).pop(key, None)
        if removed is None:
            return False
        if kind == POD:
            self._forget_pod(removed.resource, key)
        return True

    def _forget_pod(self, resource: Key, pod: Key) -> None:
        pods = self._pods[resource]
        pods.discard(pod)
        if not pods:
            del self._pods[resource]
