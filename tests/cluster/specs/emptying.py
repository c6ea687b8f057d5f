"""Every field, map, list and section of the spec: a spec that has it, and the same without it or with nothing in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.parsing import InvalidSpecError, parse
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS, least, placed, steps_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.specs.table import Spec, at, resource

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
_VALID = {
    "cidr": "10.0.0.0/8",
    "effect": "NoExecute",
    "key": "example.com/key",
    "operator": "Exists",
    "topologyKey": "kubernetes.io/hostname",
    "type": "RuntimeDefault",
    "whenUnsatisfiable": "ScheduleAnyway",
}
"""What Kubernetes takes beyond its schema, by the field's name."""


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
    something = _valid(something)
    return at(field, [something] if root.endswith("[]") else something, **beside)


def removable(path: str) -> Spec:
    """A spec that has a field, which may be removed from it, if it may be removed at all."""
    for spec in FILLED:
        if _get(spec, path) is not None and _is_right(removed(spec, path)):
            return spec
    return filled(path)


def _is_right(spec: Spec) -> bool:
    try:
        parse(resource(spec))
    except InvalidSpecError:
        return False
    return True


def _valid(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {key: _valid(each, key) for key, each in value.items()}
        case list():
            return [_valid(each) for each in value]
        case str():
            return _VALID.get(name, value)
        case _:
            return value


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
