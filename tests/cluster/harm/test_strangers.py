"""Objects that have a resource's name and are not its own: they stay as they are, whatever becomes of the resource."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.manifests.labels import child_labels
from tests.cluster.apiserver.api import APPLY
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.programs.published_crds import CHILDREN_CRDS, obtain
from tests.cluster.waiting import Object, apply, condition, delete, eventually, get, wait_ready, wait_stalled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.api import Api
    from tests.cluster.control_plane import LocalCluster

NAME = "taken"

SPECS: dict[str, Any] = {
    # The namespace's default deny: whatever selects other pods instead opens the namespace.
    "NetworkPolicy": {"podSelector": {}, "policyTypes": ["Ingress"]},
    "PersistentVolumeClaim": {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "100Gi"}},
        "storageClassName": "theirs",
    },
    # Without a selector, its endpoints are somebody's own.
    "Service": {"ports": [{"name": "theirs", "port": 4000}]},
    "Deployment": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "theirs"}},
        "template": {
            "metadata": {"labels": {"app": "theirs"}},
            "spec": {"containers": [{"name": "theirs", "image": "theirs:1"}]},
        },
    },
    "PodDisruptionBudget": {"minAvailable": 1},
    "HorizontalPodAutoscaler": {
        "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "theirs"},
    },
    "PodMonitor": {
        "selector": {"matchLabels": {"app": "theirs"}},
        "podMetricsEndpoints": [{"port": "theirs"}],
    },
    "InterceptorRoute": {
        "target": {"service": "theirs", "port": 80},
        "scalingMetric": {"concurrency": {"targetValue": 1}},
    },
    "ScaledObject": {
        "scaleTargetRef": {"name": "theirs"},
        "triggers": [{"type": "cron", "metadata": {"desiredReplicas": "1"}}],
    },
    "InferencePool": {
        "selector": {"matchLabels": {"app": "theirs"}},
        "targetPorts": [{"number": 4000}],
        "endpointPickerRef": {"name": "theirs", "port": {"number": 9002}},
    },
    "HTTPRoute": {"parentRefs": [{"name": "theirs"}], "hostnames": ["theirs.example.com"]},
}
"""By kind: what conflicts with no field of the operator's."""

EVERY_CHILD: dict[str, Any] = {
    "replicas": 2,
    "autoscaling": {"minReplicas": 2, "maxReplicas": 3},
    "model": {"cache": {"size": "100Gi", "accessMode": "ReadWriteMany", "storageClassName": "theirs"}},
    "gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"},
}
"""A spec that asks for a child of every kind, but for those that let a model have 0 replicas."""

SLEEPING: dict[str, Any] = {
    **EVERY_CHILD,
    "autoscaling": {"minReplicas": 0, "maxReplicas": 3},
    "gateway": {"parentRefs": [{"name": "inference"}]},
}
"""A spec that lets a model have 0 replicas: what scales and what balances in another way is left out."""


@pytest.fixture(scope="module")
def every_kind(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster with every kind of child."""
    files = [obtain(crd) for crd in CHILDREN_CRDS]
    install_crds(cluster, *files)
    yield cluster
    cluster.kubectl("delete", *(f"--filename={file}" for file in files))


@pytest.fixture(scope="module")
def operated(every_kind: LocalCluster) -> Iterator[LocalCluster]:
    """This cluster, and an operator that was started after its kinds were there."""
    operator = spawn_operator(every_kind, "strangers")
    yield every_kind
    operator.stop()


def stranger(kind: str, namespace: str, labels: dict[str, str]) -> Object:
    metadata = {"name": NAME, "namespace": namespace, "labels": labels}
    return {
        "apiVersion": CHILDREN[kind].api_version,
        "kind": kind,
        "metadata": metadata,
        "spec": SPECS[kind],
    }


def path_of(kind: str, namespace: str) -> str:
    where = CHILDREN[kind]
    return f"{where.root}/namespaces/{namespace}/{where.plural}/{NAME}"


def own_parts(api: Api, kind: str, namespace: str) -> str:
    """Return, as text, what only the operator or the stranger would change; controllers write the status."""
    found = api.request("GET", path_of(kind, namespace)).body
    metadata = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
    writers = [entry for entry in metadata.pop("managedFields") if entry.get("subresource") != "status"]
    metadata["annotations"] = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if not name.startswith(("deployment.kubernetes.io/", "pv.kubernetes.io/", "volume."))
    }
    mine = [entry for entry in writers if entry["manager"] != "kube-controller-manager"]
    return json.dumps([metadata, found["spec"], mine], sort_keys=True)


@pytest.mark.parametrize("labels", [{}, child_labels(NAME)], ids=["unlabelled", "labelled"])
@pytest.mark.parametrize("kind", SPECS)
def test_a_strangers_object_is_neither_changed_nor_deleted_with_the_resource(
    operated: LocalCluster, api: Api, namespace: str, kind: str, labels: dict[str, str]
) -> None:
    apply(operated, stranger(kind, namespace, labels))
    before = own_parts(api, kind, namespace)

    spec = SLEEPING if kind in ("InterceptorRoute", "ScaledObject") else EVERY_CHILD
    apply(operated, resource(NAME, namespace, **spec))

    message = wait_stalled(operated, NAME, namespace, "NameConflict")
    assert f"a {kind} named {NAME} exists and is not this resource's" in message
    assert own_parts(api, kind, namespace) == before

    delete(operated, "ivl", NAME, namespace)
    others = next(name for name in ("Service", "NetworkPolicy") if name != kind)
    eventually(
        lambda: get(operated, others, NAME, namespace) is None, "the resource's own children collected"
    )
    assert own_parts(api, kind, namespace) == before


def test_a_resource_gets_its_children_once_the_stranger_is_gone(
    operated: LocalCluster, namespace: str
) -> None:
    apply(operated, stranger("Service", namespace, {}))
    apply(operated, resource(NAME, namespace))
    wait_stalled(operated, NAME, namespace, "NameConflict")

    delete(operated, "service", NAME, namespace)

    body = wait_ready(operated, NAME, namespace, timeout=60)
    assert condition(body, "Stalled")["status"] == "False"


@pytest.mark.parametrize("kind", SPECS)
def test_an_apply_creates_or_changes_the_object_that_is_meant_and_no_other(
    every_kind: LocalCluster, api: Api, namespace: str, kind: str
) -> None:
    """What ``KubernetesClient.apply`` relies on: see its source."""
    path = path_of(kind, namespace)
    options = {"fieldManager": "internvl-operator", "force": "true"}

    def applied(**metadata: object) -> tuple[int, str]:
        body = stranger(kind, namespace, {})
        body["metadata"] |= metadata
        answer = api.request("PATCH", path, body, APPLY, **options)
        return answer.code, answer.message

    assert applied(uid="0d6b0cf4-5a3c-4d0e-9f53-0a1b2c3d4e5f")[0] == 409, "none of that uid: nothing is made"
    assert applied(resourceVersion="1")[0] == 201
    live = api.request("GET", path).body["metadata"]
    creator = live["managedFields"][0]
    assert (creator["manager"], creator["operation"]) == ("internvl-operator", "Apply")
    assert applied(resourceVersion="1")[0] == 409
    code, message = applied(uid="0d6b0cf4-5a3c-4d0e-9f53-0a1b2c3d4e5f", annotations={"a": "b"})
    assert (code, "metadata.uid" in message) == (422, True)
    assert applied(uid=live["uid"])[0] == 200
    assert (
        "annotations" not in (get(every_kind, kind, NAME, namespace) or {})["metadata"]
        or kind == "Deployment"
    )
