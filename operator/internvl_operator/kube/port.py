"""The port between the reconciler and Kubernetes: six methods, and typed errors.

Why: docs/design/002-own-api-client.md
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

KubernetesObject = dict[str, Any]


Keep = Callable[[KubernetesObject], KubernetesObject]
"""Returns the part of a listed object to keep, so that a long list of large objects is never in memory as a whole."""


def whole(body: KubernetesObject) -> KubernetesObject:
    """Keep an object as it is."""
    return body


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where the API serves it.

    Example:
        >>> Kind("apps/v1", "Deployment", "deployments").root
        '/apis/apps/v1'
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def root(self) -> str:
        """Path of the kind's group and version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"

    @property
    def group(self) -> str:
        """Its API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of an object.

    Example:
        >>> str(Key("vision", "captions"))
        'vision/captions'
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return it as kubectl and logs write it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectList:
    """A list, the resourceVersion at which it was true, and the namespaces that may not be read."""

    items: list[KubernetesObject]
    resource_version: int
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """A Kubernetes Event about a resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class ClusterError(Exception):
    """The API server did not do what was requested; the message is its own."""


class ConflictError(ClusterError):
    """The object changes at this moment, or is not the one that was meant (409)."""


class NotFoundError(ClusterError):
    """The object, its namespace or its kind does not exist (404)."""


class ForbiddenError(ClusterError):
    """The operator may not do this, or a policy or quota refuses it (401, 403)."""


class InvalidError(ClusterError):
    """The API refuses the content (400, 422)."""


class ThrottledError(ClusterError):
    """The API asks to come back later (429)."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(ClusterError):
    """The API did not answer, or failed (5xx, connection, timeout)."""


class NotLeaderError(ClusterError):
    """This process does not lead, so that nothing was sent."""


class Cluster(Protocol):
    """What the reconciler asks of Kubernetes. Every method may raise a ClusterError."""

    async def apply(self, manifest: Mapping[str, Any], *, uid: str | None) -> KubernetesObject:
        """Apply a manifest server-side and return the object.

        Args:
            manifest: whose fields are taken from whoever owns them.
            uid: of the object that is meant; None to create it.

        Raises:
            ConflictError: the object of that name has another uid, or exists although it was to be created; it is
                unchanged.
        """
        ...

    async def delete(self, kind: Kind, key: Key, uid: str) -> None:
        """Delete an object if it still has this uid; an object that is gone is no error."""
        ...

    async def list(self, kind: Kind, selector: str = "", keep: Keep = whole) -> ObjectList:
        """Return what is kept of all objects of a kind in the watched namespaces that match a label selector."""
        ...

    async def find(self, kind: Kind, key: Key) -> KubernetesObject | None:
        """Return the object of a name, whatever its labels, or None when there is none."""
        ...

    async def patch_status(self, manifest: Mapping[str, Any]) -> KubernetesObject:
        """Apply the status of an existing object of the same uid and return the object."""
        ...

    async def record_event(self, subject: Mapping[str, Any], event: ClusterEvent) -> None:
        """Record an Event about an object; a failure is logged and forgotten."""
        ...
