"""Brings the children of one resource to what was rendered: writes what differs, touches nothing else.

Why: docs/design/009-apply-and-ownership.md
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from itertools import groupby
from typing import Any

from internvl_operator.api.reasons import Reason, invalid_child
from internvl_operator.apply.contest import Contest
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.objects import controller_of, is_controlled_by, key_of
from internvl_operator.kube.port import (
    Cluster,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Kind,
    KubernetesObject,
)
from internvl_operator.manifests.drift import is_applied
from internvl_operator.problem import Problem

CONFLICT_RETRY_SECONDS = 30.0
COLLECTION_RETRY_SECONDS = 2.0


async def apply_children(
    cluster: Cluster,
    cache: Cache,
    kinds: Mapping[str, Kind],
    owner: Mapping[str, Any],
    children: Sequence[KubernetesObject],
    contest: Contest,
    announcement: Sequence[Awaitable[None]] = (),
) -> Problem | None:
    """Write the children that differ and delete those that are no longer wanted.

    Args:
        cluster: the Kubernetes API.
        cache: the watched objects.
        kinds: the kinds of children that the cluster knows, by name; others are left out.
        owner: the resource.
        children: what the resource should have, in the order of creation.
        contest: says when a child that others change is put back.
        announcement: what has to go well before there are pods; it goes on beside the writes that come before theirs.

    Returns:
        What stands in the way, or None when everything is as it should be.

    Raises:
        ClusterError: the API failed in a way that a later try may mend.
        Exception: what the announcement raises.
    """
    known = [child for child in children if child["kind"] in kinds]
    contested: list[Problem] = []
    # The Deployment comes after what its pods need, such as the NetworkPolicy; the others wait for none of theirs.
    for _, wave in groupby(known, key=lambda child: bool(child["kind"] == "Deployment")):
        tries = (_try_to_apply(cluster, cache, owner, kinds[child["kind"]], child, contest) for child in wave)
        outcomes = await asyncio.gather(*announcement, *tries, return_exceptions=True)
        announcement = ()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
        contested += [problem for problem in problems if problem.reason == Reason.CONTESTED]
        if others := [problem for problem in problems if problem.reason != Reason.CONTESTED]:
            return others[0]
    unwanted = kinds.keys() - {child["kind"] for child in known}
    for kind in (kinds[name] for name in sorted(unwanted)):
        await _delete_child(cluster, cache, owner, kind)
    return contested[0] if contested else None


def lacks_children(cache: Cache, kinds: Mapping[str, Kind], children: Sequence[KubernetesObject]) -> bool:
    """Return whether a child is not there that should be."""
    return any(
        not cache.holds(kinds[child["kind"]], key_of(child)) for child in children if child["kind"] in kinds
    )


async def _try_to_apply(
    cluster: Cluster,
    cache: Cache,
    owner: Mapping[str, Any],
    kind: Kind,
    child: KubernetesObject,
    contest: Contest,
) -> Problem | None:
    try:
        return await _apply_child(cluster, cache, owner, kind, child, contest)
    except InvalidError as error:
        message = f"the API server refuses the {kind.kind}: {error}"
        return Problem(invalid_child(kind.kind), message, refusal=error)
    except ForbiddenError as error:
        return Problem(Reason.FORBIDDEN, f"the API server forbids the {kind.kind}: {error}", refusal=error)


async def _apply_child(
    cluster: Cluster,
    cache: Cache,
    owner: Mapping[str, Any],
    kind: Kind,
    child: KubernetesObject,
    contest: Contest,
) -> Problem | None:
    live = cache.get(kind, key_of(child))
    if live is None:
        try:
            cache.put(kind, await cluster.apply(child, uid=None))
        except ConflictError:
            # The cache holds no object without the operator's labels, and a new one not at once.
            live = await cluster.find(kind, key_of(child))
            if live is None:
                raise
        else:
            return None
    if not is_controlled_by(live, owner):
        return _not_ours(kind, live, owner)
    if is_applied(child, live):
        return None
    return await contest.put_back(kind, child, live)


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


async def _delete_child(cluster: Cluster, cache: Cache, owner: Mapping[str, Any], kind: Kind) -> None:
    live = cache.get(kind, key_of(owner))
    # A claim that pods use stays until they are gone.
    if live is not None and is_controlled_by(live, owner) and not live["metadata"].get("deletionTimestamp"):
        await cluster.delete(kind, key_of(live), live["metadata"]["uid"])
        cache.drop(kind, live)
