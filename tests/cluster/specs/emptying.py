"""Every field, map, list and section of the spec: a spec that has it, and the same without it or with nothing in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.parsing import parse
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS, least, placed, steps_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.specs.table import Spec, at, is_taken

if TYPE_CHECKING:
    from tests.cluster.specs.schema import Schema

SCHEMA = spec_schema(custom_resource_definition())
CONTAINERS = [
    path
    for path, schema in nodes(SCHEMA, "spec")
    if schema.get("type") in ("array", "object") and path != "spec" and not path.endswith("[]")
]
FIELDS = [path for path, _ in nodes(SCHEMA, "spec") if path != "spec" and not path.endswith(("[]", "{}"))]
"""Every field of the spec, at any depth, those of Kubernetes's types among them."""

_CLAIM = {"source": {"persistentVolumeClaim": {"name": "models", "path": "8b"}}}
_IMAGE = {"source": {"image": {"reference": "example.com/8b", "pullPolicy": "IfNotPresent"}}}
_BESIDE = {"podTemplate": RICH["podTemplate"], "engine": RICH["engine"]}
FILLED: tuple[Spec, ...] = (
    {**RICH, "service": {**RICH["service"], "type": "ClusterIP"}},
    {"size": "8B", "model": _CLAIM, **_BESIDE},
    {"size": "8B", "model": _IMAGE, **_BESIDE},
    at("load", {"requestsPerSecond": 0.5, "tiles": 7}),
    at("model.cache.claimName", "models"),
    at("model.cache.size", "100Gi"),
    at("model.cache", {"size": "100Gi", "accessMode": "ReadWriteMany"}),
    at("networkPolicy.egress.enabled", True),
    at("series", "InternVL3"),
)
_EXPRESSION = {"key": "example.com/key", "operator": "NotIn", "values": ["a"]}
_SELECTOR = {"matchLabels": {"app": "a"}, "matchExpressions": [_EXPRESSION]}
_POD_TERM = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
    "namespaces": ["default"],
    "matchLabelKeys": ["pod-template-hash"],
    "mismatchLabelKeys": ["tenant"],
}
_POD_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": [_POD_TERM],
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": _POD_TERM}],
}
_NODE_TERM = {
    "matchExpressions": [_EXPRESSION],
    "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a100-1"]}],
}
_NODE_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_NODE_TERM]},
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": _NODE_TERM}],
}
_SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": _SELECTOR,
    "matchLabelKeys": ["pod-template-hash"],
    "minDomains": 2,
    "nodeAffinityPolicy": "Honor",
    "nodeTaintsPolicy": "Honor",
}
_SECURITY = {
    "runAsUser": 2000,
    "runAsGroup": 2000,
    "runAsNonRoot": True,
    "fsGroup": 2000,
    "fsGroupChangePolicy": "OnRootMismatch",
    "supplementalGroups": [44],
    "supplementalGroupsPolicy": "Merge",
    "seLinuxChangePolicy": "Recursive",
    "seLinuxOptions": {"level": "s0", "role": "r", "type": "t", "user": "u"},
    "seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/a.json"},
    "appArmorProfile": {"type": "Localhost", "localhostProfile": "a"},
    "sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}],
}
_SOURCES = (
    {"configMapKeyRef": {"name": "tuning", "key": "level", "optional": True}},
    {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
    {"resourceFieldRef": {"containerName": "lmdeploy", "resource": "requests.cpu", "divisor": "1m"}},
    {"secretKeyRef": {"name": "hub", "key": "token", "optional": True}},
)
_PEERS = (
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
    {"namespaceSelector": _SELECTOR, "podSelector": _SELECTOR},
)
FILLED += (
    at("podTemplate.affinity", {"nodeAffinity": _NODE_AFFINITY, "podAffinity": _POD_AFFINITY}),
    at("podTemplate.affinity.podAntiAffinity", _POD_AFFINITY),
    at("podTemplate.topologySpreadConstraints", [_SPREAD]),
    at("podTemplate.securityContext", _SECURITY),
    *(at("engine.env", [{"name": "TUNING", "valueFrom": source}]) for source in _SOURCES),
    *(at("networkPolicy.from", [peer]) for peer in _PEERS),
    *(at("networkPolicy.egress", {"enabled": True, "to": [peer]}) for peer in _PEERS),
)
"""Beside them what Kubernetes's own types have, as Kubernetes takes it."""


def filled(path: str) -> Spec:
    """A spec that has something at a path.

    Raises:
        StopIteration: the field is new and of this project's own: give it a value in FILLED.
    """
    for spec in FILLED:
        if _get(spec, path) not in (None, {}, []):
            return spec
    root = next(each for each in KUBERNETES_PATHS if path.startswith(each))
    schema = dict(nodes(SCHEMA, "spec"))
    something = placed(schema[root], steps_of(path.removeprefix(root)), _something(schema[path]))
    field = root.removeprefix("spec.").removesuffix("[]")
    beside = {"enabled": True} if field == "networkPolicy.egress.to" else {}
    return at(field, [something] if root.endswith("[]") else something, **beside)


def removable(path: str) -> Spec:
    """A spec that has a field, which may be removed from it, if it may be removed at all."""
    for spec in FILLED:
        if _get(spec, path) is not None and is_taken(removed(spec, path)):
            return spec
    return filled(path)


def _something(schema: Schema) -> Any:
    match schema.get("type"):
        case "array":
            return [least(schema["items"])]
        case "object" if "additionalProperties" in schema:
            return {"key": "value"}
        case "object":
            return least(schema) or {name: least(each) for name, each in [*schema["properties"].items()][:1]}
        case _:
            return least(schema)


def _get(spec: Any, path: str) -> Any:
    value = spec
    for step in steps_of(path)[1:]:
        try:
            value = value[0] if step == "[]" else value[step]
        except (KeyError, IndexError):
            return None
    return value


def emptied(spec: Spec, path: str) -> Spec:
    """The spec with nothing at a path."""
    copy, holder, last = _copied(spec, path)
    holder[last] = type(holder[last])()
    return copy


def removed(spec: Spec, path: str) -> Spec:
    """The spec without the field at a path."""
    copy, holder, last = _copied(spec, path)
    del holder[last]
    return copy


def _copied(spec: Spec, path: str) -> tuple[Spec, Any, str]:
    """A copy, the object in it that has the field of a path, and the field's name."""
    copy: Spec = json.loads(json.dumps(spec))
    *parents, last = steps_of(path)[1:]
    holder: Any = copy
    for step in parents:
        holder = holder[0] if step == "[]" else holder[step]
    return copy, holder, last


def meaning(body: dict[str, Any]) -> Any:
    """What the operator reads of a resource: a section in which nothing is given says nothing."""
    spec = parse(body).spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _given({"replicas": 1, **spec})


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    given = {name: _given(each) for name, each in value.items()}
    return {name: each for name, each in given.items() if each not in (None, {}, [])}
