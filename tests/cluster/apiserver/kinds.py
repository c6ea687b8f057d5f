"""Where the API server has the objects of a kind, by any name that kubectl takes for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.api import Api

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""Asks for all groups, versions and resources in one answer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that the API server serves.

    Attributes:
        root: Path of its group and version, for example ``/apis/apps/v1``.
        plural: For example ``deployments``.
        namespaced: Whether its objects are in a namespace.
    """

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Path of an object, or of a collection; the namespace of a kind without namespaces is ignored."""
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Kinds:
    """The kinds of one cluster; they are read again when a kind is not among them.

    Args:
        api: The cluster.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        """Return a kind by its plural, singular, kind or short name, in any case, and with its group or without.

        Raises:
            LookupError: The API server does not serve it.
        """
        for _ in range(2):
            if found := self._known.get(name.lower()):
                return found
            self._known = self._discovered()
        raise LookupError(f"the API server has no kind {name}")

    def _discovered(self) -> dict[str, Kind]:
        found: dict[str, Kind] = {}
        # The core group comes first, as with kubectl: it wins over another group's kind of the same name.
        for root in ("/api", "/apis"):
            for group in self._api.request("GET", root, accept=AGGREGATED).body["items"]:
                for names, kind in _kinds(root, group):
                    for name in names:
                        found.setdefault(name.lower(), kind)
        return found


def _kinds(root: str, group: dict[str, Any]) -> Iterator[tuple[list[str], Kind]]:
    """Return the kinds of one group with their names, those of the preferred version first."""
    group_path = "/".join(filter(None, [root, group["metadata"].get("name")]))
    for version in group["versions"]:
        for resource in version.get("resources", ()):
            kind = Kind(
                f"{group_path}/{version['version']}", resource["resource"], resource["scope"] == "Namespaced"
            )
            names = [kind.plural, resource.get("singularResource", ""), resource["responseKind"]["kind"]]
            given = [name for name in (*names, *resource.get("shortNames", ())) if name]
            yield [*given, *(f"{name}.{group['metadata'].get('name', '')}" for name in given)], kind
