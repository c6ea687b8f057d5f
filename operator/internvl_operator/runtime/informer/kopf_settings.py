"""Kopf's settings: fixed kinds, selectors on the server's side, watches that do not stall, and no state of its own."""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import kopf

from internvl_operator.kube.client import PAGE
from internvl_operator.kube.port import Kind
from internvl_operator.manifests.labels import CHILDREN_SELECTOR


def informer_settings(observed: Iterable[Kind]) -> kopf.OperatorSettings:
    """Return the settings for these kinds of what belongs to resources, and for resources."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _EndlessBackoffs()
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 10 * 60
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = PAGE
    # Kopf holds an object's last event as long as a task waits for its next.
    settings.queueing.idle_timeout = 0.1
    # Else Kopf kills the process ten minutes after a watch has failed.
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.diffbase_storage = _NothingHandled()
    settings.persistence.progress_storage = _NothingInProgress()
    for kind in observed:
        # A key that is not a tuple matches nothing, and the whole cluster would be watched.
        settings.watching.label_selectors[(*group_and_version(kind), kind.plural)] = CHILDREN_SELECTOR
    return settings


class _NothingHandled(kopf.DiffBaseStorage):
    """Keeps no last state of an object: without handlers of changes nobody asks for it.

    Kopf's own storages copy every object of every event, which is half of what an event costs.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NothingInProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers, for the same reason."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class _EndlessBackoffs:
    """Seconds between the attempts of a request that fails: it is never given up.

    Kopf ends when a watch does. The right to read one of several namespaces may be gone for good, and an API server
    may fail for longer than any number of attempts.
    """

    def __iter__(self) -> Iterator[float]:
        return chain((1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0), repeat(30.0))


def group_and_version(kind: Kind) -> tuple[str, str]:
    """Return a kind's group, empty for the core group, and its version."""
    group, _, version = kind.api_version.rpartition("/")
    return group, version
