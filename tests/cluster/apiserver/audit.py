"""The API server's audit log: who wrote what, for tests that count requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.access import ADMIN, COMPONENT_USERS

if TYPE_CHECKING:
    from pathlib import Path

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One finished request.

    Attributes:
        user: Who asked.
        verb: get, list, watch, create, update, patch, delete or deletecollection.
        group: API group; empty for the core group.
        resource: Plural, for example ``deployments``.
        subresource: For example ``status``; empty for the resource itself.
        namespace: Empty for resources of the cluster.
        name: Empty for list, watch, and create of a generated name.
        code: HTTP status of the answer.
        user_agent: As the client sent it.
        received: When the request came, RFC 3339 with microseconds.
    """

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    user_agent: str
    received: str

    @property
    def is_write(self) -> bool:
        """Whether the request asked to change something, successful or not."""
        return self.verb in WRITE_VERBS


def policy() -> str:
    """An audit policy that records metadata only, once per request, and leaves out noise.

    Left out are the reads of the cluster's own processes and of the administrator, who looks at objects many times a
    second while a test waits, and what is not about a resource.
    """
    read_verbs = ["get", "list", "watch"]
    return yaml.safe_dump(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [
                {
                    "level": "None",
                    "users": [ADMIN, *COMPONENT_USERS, "system:apiserver"],
                    "verbs": read_verbs,
                },
                {"level": "None", "nonResourceURLs": ["*"]},
                {"level": "Metadata"},
            ],
        },
        sort_keys=False,
    )


class AuditLog:
    """A log that grows; each look reads only what is new.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._events: list[AuditEvent] = []

    def events(self) -> list[AuditEvent]:
        """Events in the order of their end; a line that is still being written is left out."""
        with self._path.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    self._events.append(_event(json.loads(line)))
        return list(self._events)


def _event(entry: dict[str, Any]) -> AuditEvent:
    target = entry.get("objectRef", {})
    return AuditEvent(
        user=entry["user"]["username"],
        verb=entry["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=entry["responseStatus"]["code"],
        user_agent=entry.get("userAgent", ""),
        received=entry["requestReceivedTimestamp"],
    )
