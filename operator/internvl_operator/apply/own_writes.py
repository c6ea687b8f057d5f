"""The operator's own writes that are under way: a watch often tells of one before the API server's answer is read.

Such an event is no change by somebody else. Taken for one, it would have the resource reconciled again for nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.objects import key_of, version_of
from internvl_operator.kube.port import Key, Kind, KubernetesObject


class OwnWrites:
    """Keeps the answers to writes in the cache, and says which events are about an object that is being written.

    Args:
        cache: gets what was written.

    Example:
        >>> import asyncio
        >>> from internvl_operator.kube.kinds import DEPLOYMENT
        >>> deployment = {"metadata": {"namespace": "vision", "name": "captions", "resourceVersion": "7"}}
        >>> writes = OwnWrites(Cache())
        >>> async def write():
        ...     return deployment if writes.awaits(DEPLOYMENT, deployment) else None
        >>> asyncio.run(writes.make(DEPLOYMENT, Key("vision", "captions"), write())) == deployment
        True
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._told: dict[tuple[Kind, Key], list[Mapping[str, Any]]] = {}
        self.changed_by_others: Callable[[Kind, Mapping[str, Any]], None] = lambda *_: None
        """Is called with each state that `awaits` held back and that the write did not make."""

    async def make(self, kind: Kind, key: Key, write: Awaitable[KubernetesObject]) -> KubernetesObject:
        """Wait for the answer to a write, keep it in the cache, and return it.

        Args:
            kind: of the object.
            key: of the object.
            write: the request.

        Raises:
            ClusterError: the write failed.
        """
        told: list[Mapping[str, Any]] = []
        self._told[kind, key] = told
        version = None
        try:
            written = await write
            version = version_of(written)
            self._cache.put(kind, written)
            return written
        finally:
            self._told.pop((kind, key), None)
            for body in told:
                if version_of(body) != version:
                    self.changed_by_others(kind, body)

    def awaits(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether an object is being written: the answer will say whether this state of it is that write's."""
        told = self._told.get((kind, key_of(body)))
        if told is None:
            return False
        told.append(body)
        return True
