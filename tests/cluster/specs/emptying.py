"""Every map, list and section of the spec: one that has something in it, and the same with nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.parsing import parse
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS, least, placed, steps_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.specs.table import Spec, at

if TYPE_CHECKING:
    from tests.cluster.specs.schema import Schema

SCHEMA = spec_schema(custom_resource_definition())
CONTAINERS = [
    path
    for path, schema in nodes(SCHEMA, "spec")
    if schema.get("type") in ("array", "object") and path != "spec" and not path.endswith("[]")
]

_CLAIM = {"source": {"persistentVolumeClaim": {"name": "models", "path": "8b"}}}
_IMAGE = {"source": {"image": {"reference": "example.com/8b"}}}
_BESIDE = {"podTemplate": RICH["podTemplate"], "engine": RICH["engine"]}
FILLED: tuple[Spec, ...] = (
    {**RICH, "service": {**RICH["service"], "type": "ClusterIP"}},
    {"size": "8B", "model": _CLAIM, **_BESIDE},
    {"size": "8B", "model": _IMAGE, **_BESIDE},
)


def filled(path: str) -> Spec:
    """A spec that has something at a path."""
    for spec in FILLED:
        if _get(spec, path):
            return spec
    root = next(each for each in KUBERNETES_PATHS if path.startswith(each))
    schema = dict(nodes(SCHEMA, "spec"))
    something = placed(schema[root], steps_of(path.removeprefix(root)), _something(schema[path]))
    field = root.removeprefix("spec.").removesuffix("[]")
    beside = {"enabled": True} if field == "networkPolicy.egress.to" else {}
    return at(field, [something] if root.endswith("[]") else something, **beside)


def _something(schema: Schema) -> Any:
    if schema["type"] == "array":
        return [least(schema["items"])]
    if "additionalProperties" in schema:
        return {"key": "value"}
    return least(schema) or {name: least(each) for name, each in [*schema["properties"].items()][:1]}


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
    copy: Spec = json.loads(json.dumps(spec))
    *parents, last = steps_of(path)[1:]
    holder: Any = copy
    for step in parents:
        holder = holder[0] if step == "[]" else holder[step]
    holder[last] = type(holder[last])()
    return copy


def meaning(body: dict[str, Any]) -> Any:
    """What the operator reads of a resource: a section in which nothing is given says nothing."""
    spec = parse(body).spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _given({"replicas": 1, **spec})


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    given = {name: _given(each) for name, each in value.items()}
    return {name: each for name, each in given.items() if each not in (None, {}, [])}
