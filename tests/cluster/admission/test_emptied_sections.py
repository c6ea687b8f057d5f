"""A map, list or section that is emptied ends as one that was written empty, whoever empties it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL
from tests.cluster.apiserver.api import APPLY, Answer, Api
from tests.cluster.specs.emptying import CONTAINERS, emptied, filled, meaning
from tests.cluster.specs.table import Spec, resource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster


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
