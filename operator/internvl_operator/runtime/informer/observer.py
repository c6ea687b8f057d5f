"""The protocol of whoever the informer reports to."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from internvl_operator.kube.port import Key, Kind


class Observer(Protocol):
    """Knows the watched objects, and gets what changes."""

    def observe(self, kind: Kind, event_type: str | None, body: Mapping[str, Any]) -> None:
        """Take in an event of a watch; the type is None for an object of a list."""
        ...

    def knows(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Return whether this state of an object, or a newer one, is known."""
        ...

    def listed_by_informer(self, kind: Kind, namespace: str, keys: Collection[Key], version: int) -> None:
        """Take in which objects there were in a namespace (empty: in all) at a resourceVersion."""
        ...

    def skipped(self, kind: Kind, error: Exception) -> None:
        """Take in that an object of a list or a watch could not be read."""
        ...
