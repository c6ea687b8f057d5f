"""Objects that are nested deeper than their readers can follow stop neither the operator nor the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from internvl_operator.kube.kinds import DEPLOYMENT, POD, RESOURCE, SERVICE
from internvl_operator.manifests.labels import child_labels
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.waiting import apply, condition, eventually, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from internvl_operator.kube.port import Kind
    from tests.cluster.apiserver.api import Api
    from tests.cluster.control_plane import LocalCluster

CRD = Path(__file__).parents[3] / "crds" / "internvl.dev_internvldeployments.yaml"
DEPTHS = (300, 1100, 9000)


@pytest.fixture(scope="module")
def without_bounds(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster whose schema lets an affinity be anything, as one that an operator was upgraded on may have let it."""
    crd = yaml.safe_load(CRD.read_text())
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["podTemplate"]["properties"]["affinity"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(crd))
    yield cluster
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))


def collection(kind: Kind, namespace: str) -> str:
    return f"{kind.root}/namespaces/{namespace}/{kind.plural}"


def nested(depth: int, key: str) -> str:
    return f'{{"{key}":' * depth + "{}" + "}" * depth


def post(api: Api, path: str, text: str) -> None:
    """Create an object from a text, which no JSON library here could write."""
    answer = api.request("POST", path, text)
    assert answer.accepted, answer.message


def deep_affinity(name: str, namespace: str, depth: int) -> str:
    text = json.dumps(resource(name, namespace, podTemplate={"affinity": {"deep": "HERE"}}))
    return text.replace('"HERE"', nested(depth, "a"))


def deep_managed_fields(body: dict[str, object], depth: int) -> str:
    """Return an object whose owners of fields somebody made up."""
    owner = {
        "manager": "somebody",
        "operation": "Update",
        "apiVersion": body["apiVersion"],
        "fieldsType": "FieldsV1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": "HERE",
    }
    metadata = {**body["metadata"], "managedFields": [owner]}  # type: ignore[dict-item]
    return json.dumps({**body, "metadata": metadata}).replace('"HERE"', nested(depth, "f:a"))


def strangers(namespace: str) -> dict[Kind, dict[str, object]]:
    """Return somebody's objects that carry the operator's labels."""
    metadata = {"name": "theirs", "namespace": namespace, "labels": child_labels("theirs")}
    pod = {"containers": [{"name": "a", "image": "a"}]}
    template = {"metadata": {"labels": {"app": "theirs"}}, "spec": pod}
    return {
        SERVICE: {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"port": 80}]},
        },
        POD: {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        DEPLOYMENT: {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "theirs"}}, "template": template},
        },
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("depth", DEPTHS)
def test_objects_that_are_nested_too_deep_stop_nothing(
    without_bounds: LocalCluster, api: Api, namespace: str, depth: int
) -> None:
    cluster = without_bounds
    operator = spawn_operator(cluster, f"isolation-{depth}")
    try:
        # While it runs, by its watches.
        post(api, collection(RESOURCE, namespace), deep_affinity("deep", namespace, depth))
        owned = deep_managed_fields(resource("owned", namespace), depth)
        post(api, collection(RESOURCE, namespace), owned)
        for kind, body in strangers(namespace).items():
            post(api, collection(kind, namespace), deep_managed_fields(body, depth))
        apply(cluster, resource("other", namespace))

        message = wait_for(api, "deep", namespace, "Stalled", "InvalidSpec")
        assert message.startswith("spec.podTemplate.affinity.deep is nested more than")
        wait_ready(cluster, "other", namespace)
        wait_for(api, "owned", namespace, "Ready", "Ready")
        assert "Traceback" not in operator.log_tail(1000)

        # And when it starts, by its lists.
        operator.stop()
        operator.start()
        apply(cluster, resource("later", namespace))
        wait_ready(cluster, "later", namespace)
        assert operator.running
        assert "Traceback" not in operator.log_tail(1000)

        shown = status_of_all(cluster)
        assert {"deep", "owned", "other", "later"} <= {row["name"] for row in shown["resources"]}

        # What is mended is served.
        mended = json.dumps({"spec": {"podTemplate": None}})
        path = f"{collection(RESOURCE, namespace)}/deep"
        assert api.request("PATCH", path, mended, "application/merge-patch+json").accepted
        wait_for(api, "deep", namespace, "Ready", "Ready")
    finally:
        operator.stop()
        # Other tests read all resources by libraries that cannot follow these.
        for kind in (RESOURCE, *strangers(namespace)):
            assert api.request("DELETE", collection(kind, namespace)).code in (200, 202, 405)


def wait_for(api: Api, name: str, namespace: str, type_: str, reason: str) -> str:
    """Return the message of a condition once it is True for a reason, of an object that kubectl cannot read."""

    def message() -> str | None:
        found = condition(api.request("GET", f"{collection(RESOURCE, namespace)}/{name}").body, type_)
        return found["message"] if (found.get("status"), found.get("reason")) == ("True", reason) else None

    return eventually(message, f"{name} {type_} with {reason}", timeout=40)


def status_of_all(cluster: LocalCluster) -> dict[str, list[dict[str, object]]]:
    """Return what ``internvl status -A`` says."""
    command = [sys.executable, "-m", "internvl_operator", "status", "-A", "-o", "json"]
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig())}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert answer.returncode in (0, 1), answer.stderr
    found: dict[str, list[dict[str, object]]] = json.loads(answer.stdout)
    return found
