"""The protocol by which the informer reports what it lists and watches."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from internvl_operator.kube.port import Key, Kind


class Observer(Protocol):
    """Receives the events of all watches, and knows the latest state of each object."""

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        """Receive an event of a watch; the type is None for an object of a list."""
        ...

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether this state of an object, or a newer one, is known."""
        ...

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        """Receive the keys of all objects in a namespace (empty: all namespaces) at a resourceVersion."""
        ...

    def skipped(self, kind: Kind, error: Exception) -> None:
        """Receive an error: an object of a list or a watch could not be read."""
        ...
