"""Objects that are nested deeper than their readers can follow stop neither the operator nor the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import yaml

from internvl_operator.kube.kinds import DEPLOYMENT, POD, RESOURCE, SERVICE
from internvl_operator.manifests.labels import child_labels
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.waiting import apply, condition, create_namespace, eventually, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from internvl_operator.kube.port import Kind
    from tests.cluster.apiserver.api import Api
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

CRD = Path(__file__).parents[3] / "crds" / "internvl.dev_internvldeployments.yaml"
DEPTHS = (300, 1100, 9000)


@pytest.fixture(scope="module")
def without_bounds(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster whose schema lets an affinity be anything, as one that an operator was upgraded on may have let it."""
    crd = yaml.load(CRD.read_text(), Loader=yaml.CSafeLoader)
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


@pytest.fixture(scope="module")
def namespaces(without_bounds: LocalCluster) -> Iterator[dict[int, str]]:
    """A namespace for each depth. No object is left: other tests read by libraries that cannot follow these."""
    names = {depth: f"test-{uuid4().hex[:12]}" for depth in DEPTHS}
    for name in names.values():
        create_namespace(without_bounds, name)
    yield names
    for name in names.values():
        without_bounds.etcd.remove_namespace(name)


@pytest.fixture(scope="module")
def operator(cluster: LocalCluster, api: Api, namespaces: dict[int, str]) -> Iterator[Process]:
    """An operator that sees objects of every depth come while it runs, by its watches."""
    operator = spawn_operator(cluster, "isolation")
    for depth, namespace in namespaces.items():
        post(api, collection(RESOURCE, namespace), deep_affinity("deep", namespace, depth))
        owned = deep_managed_fields(resource("owned", namespace), depth)
        post(api, collection(RESOURCE, namespace), owned)
        for kind, body in strangers(namespace).items():
            post(api, collection(kind, namespace), deep_managed_fields(body, depth))
        apply(cluster, resource("other", namespace))
    yield operator
    operator.stop()


@pytest.fixture(scope="module")
def restarted(cluster: LocalCluster, namespaces: dict[int, str], operator: Process) -> Process:
    """The operator, which finds these objects in its lists when it starts."""
    operator.stop()
    operator.start()
    apply(cluster, *(resource("later", namespace) for namespace in namespaces.values()))
    return operator


@pytest.fixture(scope="module")
def shown(cluster: LocalCluster, restarted: Process) -> list[dict[str, object]]:
    """What ``internvl status -A`` says of each resource."""
    assert restarted.running
    return status_of_all(cluster)["resources"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("depth", DEPTHS)
def test_objects_that_are_nested_too_deep_stop_nothing(
    cluster: LocalCluster, api: Api, namespaces: dict[int, str], operator: Process, depth: int
) -> None:
    namespace = namespaces[depth]
    message = wait_for(api, "deep", namespace, "Stalled", "InvalidSpec")
    assert message.startswith("spec.podTemplate.affinity.deep is nested more than")
    wait_ready(cluster, "other", namespace)
    wait_for(api, "owned", namespace, "Ready", "Ready")
    assert operator.running
    assert "Traceback" not in operator.log_tail(1000)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("depth", DEPTHS)
def test_objects_that_are_nested_too_deep_stop_no_operator_that_starts_and_no_command(
    cluster: LocalCluster,
    api: Api,
    namespaces: dict[int, str],
    restarted: Process,
    shown: list[dict[str, object]],
    depth: int,
) -> None:
    namespace = namespaces[depth]
    wait_ready(cluster, "later", namespace)
    assert restarted.running
    assert "Traceback" not in restarted.log_tail(1000)
    ours = {row["name"] for row in shown if row["namespace"] == namespace}
    assert ours == {"deep", "owned", "other", "later"}

    # What is mended is served.
    mended = json.dumps({"spec": {"podTemplate": None}})
    path = f"{collection(RESOURCE, namespace)}/deep"
    assert api.request("PATCH", path, mended, "application/merge-patch+json").accepted
    wait_for(api, "deep", namespace, "Ready", "Ready")


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
