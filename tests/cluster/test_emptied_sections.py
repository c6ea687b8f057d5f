"""A map, list or section that is emptied ends as one that was written empty, whoever empties it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL, parse
from tests.cluster.api import APPLY, Answer, Api
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS, least, placed, steps_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.schema import nodes, spec_schema
from tests.cluster.specs.table import Spec, at, resource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
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


def _applied(api: Api, namespace: str, name: str, spec: Spec) -> Answer:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
    body = resource(spec, name, namespace)
    return api.request("PATCH", path, body, APPLY, fieldManager="user", fieldValidation="Strict")


def _created(api: Api, namespace: str, spec: Spec) -> Answer:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"
    return api.request(
        "POST", path, resource(spec, "fresh", namespace), dryRun="All", fieldValidation="Strict"
    )


@pytest.mark.timeout(180)
def test_what_server_side_apply_empties_ends_as_written_empty(api: Api, namespace: str) -> None:
    assert len(CONTAINERS) > 80
    faults = []
    for number, path in enumerate(CONTAINERS):
        name, spec = f"applied-{number}", filled(path)
        full, empty = (
            _applied(api, namespace, name, spec),
            _applied(api, namespace, name, emptied(spec, path)),
        )
        fresh, again = _created(api, namespace, emptied(spec, path)), _applied(api, namespace, name, spec)
        if full.message or again.message or empty.accepted != fresh.accepted:
            faults.append(f"{path}: {full.message} | {empty.message} | {fresh.message} | {again.message}")
        elif empty.accepted and meaning(empty.body) != meaning(fresh.body):
            faults.append(f"{path}: {empty.body['spec']} is not {fresh.body['spec']}")
    assert faults == []


@pytest.mark.timeout(180)
def test_what_kubectl_apply_empties_ends_as_written_empty(
    cluster: LocalCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    """Of what may be empty at all: kubectl ends at the first refusal."""
    specs = {f"client-{number}": (filled(path), path) for number, path in enumerate(CONTAINERS)}
    specs = {name: each for name, each in specs.items() if _created(api, namespace, emptied(*each)).accepted}
    for step in ("filled", "emptied", "filled again"):
        bodies = [
            resource(emptied(spec, path) if step == "emptied" else spec, name, namespace)
            for name, (spec, path) in specs.items()
        ]
        file = tmp_path / "resources.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies}))
        cluster.kubectl("apply", "-f", str(file))
        stored = api.request("GET", f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}").body["items"]
        wanted = {body["metadata"]["name"]: meaning(body) for body in bodies}
        assert {item["metadata"]["name"]: meaning(item) for item in stored} == wanted, step
