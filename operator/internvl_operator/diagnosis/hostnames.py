"""Which resources ask one Gateway for one hostname: the older route gets all requests, and no Gateway says so."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from internvl_operator.api.gateway import Gateway
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import Key


class _Claim(NamedTuple):
    """A hostname at a Gateway; an empty hostname is every one that the listeners have."""

    gateway: Key
    hostname: str


class Hostnames:
    """The hostnames that the resources ask for.

    Of several with one hostname each is told of one other, and reconciled again only when that one is gone: a
    thousand of them cost no more than a thousand with a hostname each.

    Args:
        resources: returns all resources that there are when the first one is looked at, so that a start of the
            operator changes no status.
        requeue: has a resource reconciled for which another one has changed what they share.

    Example:
        >>> gateway = {"parentRefs": [{"name": "inference"}], "hostnames": ["a.example"]}
        >>> one, two = (
        ...     {"metadata": {"name": name, "namespace": "vision"}, "spec": {"gateway": gateway}}
        ...     for name in ("one", "two")
        ... )
        >>> hostnames = Hostnames(resources=lambda: [one], requeue=lambda key: print("again:", key.name))
        >>> (both,) = hostnames.shared(two)
        again: one
        >>> both.partition(",")[0]
        'vision/one has hostname a.example at Gateway vision/inference too'
    """

    def __init__(
        self, resources: Callable[[], Iterable[Mapping[str, Any]]], requeue: Callable[[Key], None]
    ) -> None:
        self._resources = resources
        self._requeue = requeue
        self._is_filled = False
        self._claims: dict[_Claim, dict[Key, set[str]]] = {}
        self._claimed: dict[Key, dict[_Claim, set[str]]] = {}
        self._created: dict[Key, str] = {}
        self._told: dict[Key, dict[_Claim, Key]] = {}

    def shared(self, body: Mapping[str, Any]) -> list[str]:
        """Take in what a resource asks for; return a sentence for each hostname that others ask for too."""
        if not self._is_filled:
            self._is_filled = True
            for known in self._resources():
                self._take(known, _claims(known))
        key, claims = key_of(body), _claims(body)
        if claims != self._claimed.get(key, {}):
            self.forget(key)
            self._take(body, claims)
            self._requeue_rivals(key, lambda told: told is None)
        told = {claim: rival for claim in claims if (rival := self._rival(key, claim))}
        self._told[key] = told
        return [
            f"{told[claim]} has {f'hostname {claim.hostname}' if claim.hostname else 'every hostname'} at Gateway "
            f"{claim.gateway} too, and one of the two gets all requests: write other gateway.hostnames"
            for claim in sorted(told)
        ]

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone, or asks for something else."""
        self._requeue_rivals(key, lambda told: told == key)
        for claim in self._claimed.pop(key, ()):
            del self._claims[claim][key]
            if not self._claims[claim]:
                del self._claims[claim]
        self._told.pop(key, None)
        self._created.pop(key, None)

    def _take(self, body: Mapping[str, Any], claims: dict[_Claim, set[str]]) -> None:
        key = key_of(body)
        if claims:
            self._claimed[key] = claims
            self._created[key] = str(body["metadata"].get("creationTimestamp", ""))
        for claim, listeners in claims.items():
            self._claims.setdefault(claim, {})[key] = listeners

    def _requeue_rivals(self, key: Key, is_concerned: Callable[[Key | None], bool]) -> None:
        """Have those rivals reconciled again that were told of a resource, or of none, for which this holds."""
        concerned = {
            other
            for claim in self._claimed.get(key, ())
            for other in self._others(key, claim)
            if is_concerned(self._told.get(other, {}).get(claim))
        }
        for rival in concerned:
            self._requeue(rival)

    def _rival(self, key: Key, claim: _Claim) -> Key | None:
        """Return of whom a resource is told: of whom it was told before, or else of the oldest other one."""
        others = self._others(key, claim)
        told = self._told.get(key, {}).get(claim)
        if told in others:
            return told
        return min(others, key=lambda other: (self._created[other], other), default=None)

    def _others(self, key: Key, claim: _Claim) -> set[Key]:
        claims = self._claims[claim]
        return {
            other for other, listeners in claims.items() if other != key and _meet(listeners, claims[key])
        }


def _meet(one: Iterable[str], other: Iterable[str]) -> bool:
    """Return whether two sets have a listener of a Gateway in common; an empty name is all of them."""
    return bool(set(one) & set(other)) or "" in one or "" in other


def _claims(body: Mapping[str, Any]) -> dict[_Claim, set[str]]:
    """Return what a resource asks for, with the listeners; one that the schema refuses asks for nothing.

    An older CRD may have let in what this one bounds: a list of hostnames for each of a list of Gateways grows fast.
    """
    claims: dict[_Claim, set[str]] = {}
    try:
        gateway = Gateway.model_validate(body["spec"].get("gateway") or {})
    except (AttributeError, KeyError, ValidationError):
        return {}
    for parent in gateway.parent_refs:
        at = Key(parent.namespace or key_of(body).namespace, parent.name)
        for hostname in gateway.hostnames or [""]:
            claims.setdefault(_Claim(at, hostname), set()).add(parent.section_name or "")
    return claims
