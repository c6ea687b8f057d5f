"""Brings the children of one resource to what was rendered: writes what differs, touches nothing else.

Why: docs/design/009-apply-and-ownership.md
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from internvl_operator.api.reasons import Reason, invalid_child
from internvl_operator.apply.contest import Contest
from internvl_operator.apply.own_writes import OwnWrites
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import CHILD_NAMES
from internvl_operator.kube.objects import controller_of, is_controlled_by, key_of, suffixed
from internvl_operator.kube.port import (
    Cluster,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Key,
    Kind,
    KubernetesObject,
)
from internvl_operator.manifests.children import ABSENCES, NEEDS, REPLACES
from internvl_operator.manifests.drift import is_applied
from internvl_operator.problem import Problem

CONFLICT_RETRY_SECONDS = 30.0
COLLECTION_RETRY_SECONDS = 2.0


class ChildWriter:
    """Writes and deletes the children of resources.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects.
        writes: takes the writes, and adds the answers to the cache.
        kinds: the kinds of children that the cluster knows, by name. A child of another kind is left out.
        now: returns the time, with its zone.
    """

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        writes: OwnWrites,
        kinds: Mapping[str, Kind],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._writes = writes
        self._known = kinds
        self._kinds = {name: kind for name, kind in kinds.items() if NEEDS.get(name, name) in kinds}
        self._contest = Contest(cluster, writes, now)

    def lacks(self, children: Iterable[KubernetesObject]) -> bool:
        """Return whether a child does not exist that should."""
        return any(
            not self._cache.holds(self._kinds[child["kind"]], key_of(child))
            for child in children
            if child["kind"] in self._kinds
        )

    async def apply(self, child: KubernetesObject, owner: Mapping[str, Any]) -> Problem | None:
        """Write a child if it differs; return what stands in the way, or None when the child is as it should be.

        Args:
            child: the manifest.
            owner: the resource.

        Raises:
            ClusterError: the API failed in a way that a later try may mend.
        """
        kind = self._kinds.get(child["kind"])
        if kind is None:
            return ABSENCES.get(child["kind"])
        try:
            return await self._apply(kind, child, owner)
        except InvalidError as error:
            message = f"the API server refuses the {kind.kind}: {error}"
            return Problem(invalid_child(kind.kind), message, refusal=error)
        except ForbiddenError as error:
            return Problem(
                Reason.FORBIDDEN, f"the API server forbids the {kind.kind}: {error}", refusal=error
            )

    async def delete_unwanted(self, children: Iterable[KubernetesObject], owner: Mapping[str, Any]) -> None:
        """Delete the resource's objects of every row of ``CHILD_KINDS`` that is not among its children.

        What a child replaces stays where the cluster lacks the kind of the child.

        Raises:
            ClusterError: the API failed in a way that a later try may mend.
        """
        wanted = {(child["kind"], key_of(child)) for child in children}
        spared = {REPLACES.get(name) for name, _ in wanted if name not in self._kinds}
        for name, suffix in CHILD_NAMES:
            if name not in spared and (name, suffixed(key_of(owner), suffix)) not in wanted:
                await self._delete(name, suffix, owner)

    async def delete_replaced(self, children: Iterable[KubernetesObject], owner: Mapping[str, Any]) -> None:
        """Delete the resource's objects that its children replace.

        Raises:
            ClusterError: the API failed in a way that a later try may mend.
        """
        for child in children:
            if child["kind"] in REPLACES.keys() & self._kinds.keys():
                await self._delete(REPLACES[child["kind"]], "", owner)

    async def _delete(self, name: str, suffix: str, owner: Mapping[str, Any]) -> None:
        """Delete a child of the resource if there is one.

        Raises:
            ClusterError: the API failed in a way that a later try may mend.
        """
        kind = self._known.get(name)
        if kind is None:
            return
        live = self._cache.get(kind, suffixed(key_of(owner), suffix))
        # A claim that pods use stays until they are gone.
        if live and is_controlled_by(live, owner) and not live["metadata"].get("deletionTimestamp"):
            await self._cluster.delete(kind, key_of(live), live["metadata"]["uid"])
            self._cache.drop(kind, live)

    def forget(self, key: Key) -> None:
        """Forget the children of a resource that is gone."""
        self._contest.forget(key)

    async def _apply(self, kind: Kind, child: KubernetesObject, owner: Mapping[str, Any]) -> Problem | None:
        live = self._cache.get(kind, key_of(child))
        if live is None:
            try:
                await self._writes.make(kind, key_of(child), self._cluster.apply(child, uid=None))
            except ConflictError:
                # The cache holds no object without the operator's labels, and a new one not at once.
                live = await self._cluster.find(kind, key_of(child))
                if live is None:
                    raise
            else:
                return None
        if not is_controlled_by(live, owner):
            return _not_ours(kind, live, owner)
        if is_applied(child, live):
            return None
        return await self._contest.put_back(kind, child, live)


def _not_ours(kind: Kind, live: Mapping[str, Any], owner: Mapping[str, Any]) -> Problem:
    controller = controller_of(live)
    if controller and (controller["kind"], controller["name"]) == (owner["kind"], owner["metadata"]["name"]):
        message = f"waiting until the {kind.kind} of a deleted resource of the same name is collected"
        return Problem(Reason.WAITING_FOR_DELETION, message, retry_after=COLLECTION_RETRY_SECONDS)
    holder = f"{controller['kind']} {controller['name']}" if controller else "none"
    message = (
        f"a {kind.kind} named {live['metadata']['name']} exists and is not this resource's: "
        f"delete it, or give this resource another name (its controller: {holder})"
    )
    return Problem(Reason.NAME_CONFLICT, message, retry_after=CONFLICT_RETRY_SECONDS)
