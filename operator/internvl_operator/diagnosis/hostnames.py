"""Which resources ask one Gateway for one hostname: the older route gets all requests, and no Gateway says so."""

from collections.abc import Iterator

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.kube.port import Key

_Claim = tuple[Key, str]
"""A Gateway and a hostname; an empty hostname is every one that the listeners have."""


class Hostnames:
    """The hostnames that the reconciled resources ask for.

    Example:
        >>> from internvl_operator import parse
        >>> spec = {"size": "8B", "gateway": {"parentRefs": [{"name": "inference"}], "hostnames": ["a.example"]}}
        >>> hostnames = Hostnames()
        >>> hostnames.claim(parse({"metadata": {"name": "one", "namespace": "vision"}, "spec": spec}))
        []
        >>> (both,) = hostnames.claim(parse({"metadata": {"name": "two", "namespace": "vision"}, "spec": spec}))
        >>> both.partition(",")[0]
        'vision/one has hostname a.example at Gateway vision/inference too'
    """

    def __init__(self) -> None:
        self._claims: dict[_Claim, set[Key]] = {}
        self._claimed: dict[Key, set[_Claim]] = {}

    def claim(self, resource: InternVLDeployment) -> list[str]:
        """Take in what a resource asks for, and return a sentence for each hostname that others ask for too."""
        key = Key(resource.metadata.namespace, resource.metadata.name)
        self.forget(key)
        claims = set(_claims(resource))
        if claims:
            self._claimed[key] = claims
        for claim in claims:
            self._claims.setdefault(claim, set()).add(key)
        return [
            f"{min(others)} has {f'hostname {hostname}' if hostname else 'every hostname'} at Gateway {gateway} too, "
            "and one of the two gets all requests: write other gateway.hostnames"
            for gateway, hostname in sorted(claims)
            if (others := self._claims[gateway, hostname] - {key})
        ]

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone, or asks for something else."""
        for claim in self._claimed.pop(key, ()):
            self._claims[claim].discard(key)
            if not self._claims[claim]:
                del self._claims[claim]


def _claims(resource: InternVLDeployment) -> Iterator[_Claim]:
    gateway = resource.spec.gateway
    for parent in gateway.parent_refs:
        key = Key(parent.namespace or resource.metadata.namespace, parent.name)
        for hostname in gateway.hostnames or [""]:
            yield key, hostname
