"""Every field, map, list and section of the spec: a spec that has it, and the same without it or with nothing in it."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    "windowsOptions": {
        "gmsaCredentialSpec": "{}",
        "gmsaCredentialSpecName": "captions",
        "hostProcess": False,
        "runAsUserName": "captions",
    },
}
_SOURCES = {
    "FROM_CONFIG": {"configMapKeyRef": {"name": "tuning", "key": "level", "optional": True}},
    "FROM_FIELD": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
    "FROM_RESOURCE": {
        "resourceFieldRef": {"containerName": "lmdeploy", "resource": "requests.cpu", "divisor": "1m"}
    },
    "FROM_SECRET": {"secretKeyRef": {"name": "hub", "key": "token", "optional": True}},
    "FROM_FILE": {"fileKeyRef": {"volumeName": "scratch", "path": "a", "key": "b", "optional": True}},
}
_PEERS = [
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
    {"namespaceSelector": _SELECTOR, "podSelector": _SELECTOR},
]
FULL: Spec = {
    **{field: value for field, value in RICH.items() if field != "gateway"},
    "engine": {
        **RICH["engine"],
        "env": [
            *RICH["engine"]["env"],
            *({"name": name, "valueFrom": source} for name, source in _SOURCES.items()),
        ],
    },
    "service": {**RICH["service"], "type": "ClusterIP"},
    "networkPolicy": {"enabled": True, "from": _PEERS, "egress": {"enabled": True, "to": _PEERS}},
    "podTemplate": {
        **RICH["podTemplate"],
        "affinity": {
            "nodeAffinity": _NODE_AFFINITY,
            "podAffinity": _POD_AFFINITY,
            "podAntiAffinity": _POD_AFFINITY,
        },
        "topologySpreadConstraints": [_SPREAD],
        "securityContext": _SECURITY,
    },
}
"""As much in one resource as goes together."""

_CLAIM = {"source": {"persistentVolumeClaim": {"name": "models", "path": "8b"}}}
_IMAGE = {"source": {"image": {"reference": "example.com/8b", "pullPolicy": "IfNotPresent"}}}
FILLED: tuple[Spec, ...] = (
    FULL,
    {"size": "8B", "model": _CLAIM},
    {"size": "8B", "model": _IMAGE},
    at("load", {"requestsPerSecond": 0.5, "tiles": 7}),
    at("load.requestsPerSecond", 0.5),
    at("model.cache.claimName", "models"),
    at("model.cache.size", "100Gi"),
    at("model.cache", {"size": "100Gi", "accessMode": "ReadWriteMany"}),
    at("networkPolicy.egress.enabled", True),
    # Apart: each resource with a hostname is looked at again when another one with it changes.
    {"size": "8B", "gateway": RICH["gateway"]},
    at("gateway.parentRefs[].name", "inference"),
    at("gateway", {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"}),
    at("autoscaling.maxReplicas", 2),
    at("autoscaling", {"minReplicas": 0, "maxReplicas": 1}),
    at("series", "InternVL3"),
    at("gpu.resource", "nvidia.com/mig-3g.40gb"),
)
"""Beside it what excludes something else, or cannot be removed beside it."""


Change = Callable[[Spec, str], Spec]


def filled(path: str, change: Change | None = None) -> Spec:
    """A spec that has something at a path: one that may be changed there, if any may.

    Raises:
        LookupError: the field is new and of this project's own.
    """
    specs = [spec for spec in FILLED if _get(spec, steps_of(path)[1:]) not in (None, {}, [])]
    if not specs:
        return _made(path)
    return next((spec for spec in specs if change and is_taken(change(spec, path))), specs[0])


def _made(path: str) -> Spec:
    """A spec that has the least something of a Kubernetes type at a path."""
    root = next((each for each in KUBERNETES_PATHS if path.startswith(each)), None)
    if root is None:
        raise LookupError(
            f"no spec has something at {path}: give it a value in RICH or FILLED, in tests/cluster/specs"
        )
    schema = dict(nodes(SCHEMA, "spec"))
    something = placed(schema[root], steps_of(path.removeprefix(root)), _something(schema[path]))
    field = root.removeprefix("spec.").removesuffix("[]")
    beside = {"enabled": True} if field == "networkPolicy.egress.to" else {}
    return at(field, [something] if root.endswith("[]") else something, **beside)


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
    holder: Any = copy
    steps = steps_of(path)[1:]
    while len(steps) > 1:
        holder, steps = _inside(holder, steps), steps[1:]
    return copy, holder, steps[0]


def _get(value: Any, steps: list[str]) -> Any:
    """What is at some steps in a value, or None."""
    while steps and value is not None:
        value, steps = _inside(value, steps), steps[1:]
    return value


def _inside(value: Any, steps: list[str]) -> Any:
    """What is one step further: of a list the first item that has something at the steps after it."""
    step, *rest = steps
    if step != "[]":
        return value.get(step)
    return next((each for each in value if _get(each, rest) is not None), None)


def meaning(body: dict[str, Any]) -> Any:
    """What the operator reads of a resource: a section in which nothing is given says nothing."""
    spec = parse(body).spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _given({"replicas": 1, **spec})


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    given = {name: _given(each) for name, each in value.items()}
    return {name: each for name, each in given.items() if each not in (None, {}, [])}
