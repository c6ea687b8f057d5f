"""A Lease of coordination.k8s.io: who holds it, until when others respect it, and how it is read and written.

Whether somebody else's lease has run out is judged by when this process saw it change last, on its own clock. The
times that a lease carries are other machines' and are for people only.

Why: docs/design/005-write-fence.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from internvl_operator.kube.connection import Connection
from internvl_operator.kube.kinds import LEASE
from internvl_operator.kube.port import Key, NotFoundError

# Fractions of the lease's duration, all counted from a renewal. They leave a fifth between the last write of one holder
# and the first of the next for clocks that run at different speeds, and a fifth for noticing, so that a holder that
# dies has a successor within the lease's seconds.
RENEW_AFTER = 0.1
"""When the holder renews the lease, and the others read it."""
WRITES_START_UNTIL = 0.6
"""When a holder that could not renew the lease begins its last write."""
FREE_AFTER = 0.8
"""When another process may take the lease: all requests of the holder have ended."""

ANSWER_WITHIN = 0.35
"""How long a holder waits for the answer to a renewal. Time is left for another try on a new connection."""
RETRY_AFTER = 0.02
"""How long a holder waits after a failed renewal before it tries again."""

_MERGE_PATCH = "application/merge-patch+json"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Claim:
    """The content of a lease.

    Args:
        holder: identity of the holder; empty when the lease was released.
        seconds: how long the lease is the holder's after each renewal.
        acquired: when the holder took the lease.
        renewed: when the holder last renewed the lease.
        transitions: how often the holder has changed.
    """

    holder: str
    seconds: int
    acquired: str
    renewed: str
    transitions: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim and the version of the object that carries it; an empty version means that the object is gone."""

    claim: Claim
    version: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A lease, and when its claim was first seen unchanged, in seconds of this process's clock."""

    lease: Lease
    since: float


def seen(previous: Sighting | None, lease: Lease | None, now: float) -> Sighting | None:
    """Return what is known after a look at the lease; None when there has never been one.

    A lease that somebody deletes is respected until it would have run out: its holder may still write.
    """
    if lease is None:
        return previous and Sighting(replace(previous.lease, version=""), previous.since)
    if previous is not None and previous.lease.claim == lease.claim:
        return Sighting(lease, previous.since)
    return Sighting(lease, now)


def seconds_until_free(sighting: Sighting | None, identity: str, now: float) -> float:
    """Return for how long a candidate has to respect the lease; 0 when it may take it."""
    if sighting is None or sighting.lease.claim.holder in ("", identity):
        return 0.0
    return max(0.0, sighting.since + FREE_AFTER * sighting.lease.claim.seconds - now)


def next_claim(sighting: Sighting | None, identity: str, seconds: int, now: datetime) -> Claim:
    """Return the claim with which a candidate takes the lease, or its holder renews it."""
    time = now.strftime(_TIME)
    if sighting is None:
        return Claim(identity, seconds, time, time, 0)
    known = sighting.lease.claim
    if known.holder == identity:
        return replace(known, seconds=seconds, renewed=time)
    return Claim(identity, seconds, time, time, known.transitions + 1)


def released(claim: Claim) -> Claim:
    """Return the claim of a holder that gives the lease up."""
    return replace(claim, holder="")


class LeaseStore:
    """One lease in the API. Its methods raise a ClusterError when the API fails.

    Args:
        connection: a connection of its own, so that a renewal never waits behind other requests.
        key: namespace and name.
    """

    def __init__(self, connection: Connection, key: Key) -> None:
        self._connection = connection
        self._key = key
        self._collection = f"{LEASE.root}/namespaces/{key.namespace}/{LEASE.plural}"

    async def read(self) -> Lease | None:
        """Return the lease, or None when there is none."""
        try:
            body = await self._connection.request("GET", LEASE, f"{self._collection}/{self._key.name}", {})
        except NotFoundError:
            return None
        return _lease(body)

    async def write(self, claim: Claim, version: str) -> Lease:
        """Write a claim over the one of a version, or create the lease when the version is empty.

        Raises:
            ConflictError: somebody else has written in the meantime.
            NotFoundError: the lease has been deleted in the meantime.
        """
        metadata, spec = {"name": self._key.name}, _spec(claim)
        if not version:
            body = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
            return _lease(await self._connection.request("POST", LEASE, self._collection, {}, body))
        # A patch leaves the labels and annotations that others give the lease.
        patch = {"metadata": {**metadata, "resourceVersion": version}, "spec": spec}
        path = f"{self._collection}/{self._key.name}"
        return _lease(await self._connection.request("PATCH", LEASE, path, {}, patch, _MERGE_PATCH))


def _spec(claim: Claim) -> dict[str, Any]:
    return {
        "holderIdentity": claim.holder,
        "leaseDurationSeconds": claim.seconds,
        "acquireTime": claim.acquired,
        "renewTime": claim.renewed,
        "leaseTransitions": claim.transitions,
    }


def _lease(body: Mapping[str, Any]) -> Lease:
    spec = body.get("spec") or {}
    claim = Claim(
        holder=spec.get("holderIdentity") or "",
        seconds=spec.get("leaseDurationSeconds") or 0,
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
    )
    return Lease(claim, body["metadata"]["resourceVersion"])
