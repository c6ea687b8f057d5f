"""What resources of many specs end as on an API server: their statuses and their children."""

from __future__ import annotations

import json
import re
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL
from internvl_operator.kube.kinds import CHILDREN
from tests.cluster.apiserver.api import APPLY, Answer
from tests.cluster.specs.emptied.edits import Edit, every_edit, wanted_children
from tests.cluster.specs.table import Spec, resource
from tests.cluster.waiting import eventually, get, get_all

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.waiting import Object

End = dict[str, Any]
"""A resource's status and its children by kind and name, without names, times and what Kubernetes assigns."""

NAMESPACE = "emptied"
RESOURCES = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{PLURAL}"
SETTLE_SECONDS = 240


class World:
    """The resources of one namespace, and what they end as."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster

    @cached_property
    def edits(self) -> list[Edit]:
        """Every edit that the rules of the spec take."""
        return [edit for edit in every_edit() if edit.is_taken]

    @cached_property
    def refused(self) -> set[str]:
        """The names of the edits after which Kubernetes refuses a child."""
        return {edit.changes[0] for edit in self.edits if not self.takes_the_children(edit)}

    def ends(self, specs: Mapping[str, Spec], refused: Container[str] = ()) -> dict[str, End]:
        """Apply the specs of resources, and return each resource's end, once there is one.

        Args:
            specs: by the names of their resources.
            refused: the resources of which Kubernetes refuses a child.
        """
        for name, spec in specs.items():
            self._applied(name, spec)
        for name in specs:
            eventually(partial(self._is_settled, name, name in refused), f"the end of {name}", SETTLE_SECONDS)
        wanted = {
            (child["kind"], child["metadata"]["name"])
            for name, spec in specs.items()
            if name not in refused
            for child in wanted_children(json.dumps(spec), name)
        }
        eventually(
            lambda: wanted <= self._children().keys(),
            lambda: str(wanted - self._children().keys()),
            SETTLE_SECONDS,
        )
        ends: dict[str, End] = {
            body["metadata"]["name"]: {"status": _timeless(body["status"])}
            for body in get_all(self.cluster, PLURAL, NAMESPACE)
        }
        for (kind, child_name), child in self._children().items():
            owner = child["metadata"]["ownerReferences"][0]["name"]
            ends[owner][f"{kind} {child_name}"] = _wanted(kind, child)
        return {name: _nameless(ends[name], name) for name in specs}

    def refusal(self, spec: Spec) -> Answer:
        """What the API server says of a spec."""
        return self.cluster.api.request(
            "POST", RESOURCES, resource(spec, "refused", NAMESPACE), dryRun="All", fieldValidation="Strict"
        )

    def _applied(self, name: str, spec: Spec) -> None:
        body, options = resource(spec, name, NAMESPACE), {"fieldManager": "user", "fieldValidation": "Strict"}
        self.cluster.api.request("PATCH", f"{RESOURCES}/{name}", body, APPLY, **options).granted()

    def _children(self) -> dict[tuple[str, str], Object]:
        return {
            (kind, child["metadata"]["name"]): child
            for kind, each in CHILDREN.items()
            for child in get_all(self.cluster, each.plural, NAMESPACE)
        }

    def _is_settled(self, name: str, is_refused: bool) -> bool:
        body = get(self.cluster, PLURAL, name, NAMESPACE) or {}
        status = body.get("status", {})
        if status.get("observedGeneration") != body["metadata"]["generation"]:
            return False
        return bool(status["conditions"][0]["reason"].startswith("Invalid") is is_refused)

    def takes_the_children(self, edit: Edit) -> bool:
        """Whether Kubernetes takes every child after an edit that it takes before it."""
        before, after = (wanted_children(json.dumps(spec)) for spec in (edit.before, edit.after))
        known = [_content(child) for child in before]
        return all(self._dry_run(child).accepted for child in after if _content(child) not in known)

    def _dry_run(self, child: Object) -> Answer:
        path = self.cluster.api.kinds[CHILDREN[child["kind"]].plural].path("default")
        return self.cluster.api.request("POST", path, child, dryRun="All", fieldValidation="Strict")


def _timeless(status: Object) -> Object:
    passing = ("lastTransitionTime", "observedGeneration")
    conditions = [
        {key: value for key, value in each.items() if key not in passing} for each in status["conditions"]
    ]
    return {key: value for key, value in status.items() if key not in passing} | {"conditions": conditions}


def _content(child: Object) -> Object:
    return {key: value for key, value in child.items() if key not in ("apiVersion", "metadata", "status")}


def _wanted(kind: str, child: Object) -> Object:
    """What the operator wants of a child, and the API server's defaults."""
    content, metadata = _content(child), child["metadata"]
    if kind == "Service":
        assigned = ("clusterIP", "clusterIPs", "healthCheckNodePort")
        ports = [{**port, "nodePort": None} for port in child["spec"]["ports"]]
        content["spec"] = {**child["spec"], **dict.fromkeys(assigned), "ports": ports}
    return {**content, "labels": metadata.get("labels"), "annotations": metadata.get("annotations")}


def _nameless(end: End, name: str) -> End:
    text = re.sub(rf"\b{name}\b", "NAME", json.dumps(end))
    # Hashes follow from what is compared, and from the name.
    nameless: End = json.loads(re.sub(r"\b[0-9a-f]{16}\b", "HASH", text))
    return nameless


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """The places where two objects are not the same, for people."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [each for key in keys for each in differences(one.get(key), other.get(key), f"{path}.{key}")]
    return [] if one == other else [f"{path}: {one!r:.300} is not {other!r:.300}"]


def sections(value: Any, place: str) -> set[str]:
    """The places of the maps, lists and objects in which there is something; ``[]`` is any item of a list."""
    match value:
        case dict() if value:
            inside = (sections(each, f"{place}.{key}") for key, each in value.items())
        case list() if value:
            inside = (sections(each, f"{place}[]") for each in value)
        case _:
            return set()
    return {place}.union(*inside)
