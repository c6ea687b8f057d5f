"""Why a resource is not ready, brought about on the real API server with kwok, the scheduler and the quota."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.reasons import FROM_PODS
from tests.cluster.conftest import CRD_DIRECTORY
from tests.cluster.control_plane import LocalCluster
from tests.cluster.nodes.failures import FAILURES, LOST, NODES, PLENTY, Failure
from tests.cluster.operators.operator_process import USER, grant_rights, resource, spawn_operator
from tests.cluster.simulated_nodes import FATE_LABEL, add_nodes
from tests.cluster.waiting import (
    Object,
    apply,
    condition,
    create_namespace,
    eventually,
    get,
    get_all,
    patch,
    wait_ready,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60.0
NODE_GRACE_SECONDS = 50.0
"""For how long a node may be silent: the default of kube-controller-manager's ``--node-monitor-grace-period``."""


@pytest.fixture(scope="module")
def failing() -> Iterator[LocalCluster]:
    """A cluster in which all of them are under way at once."""
    with LocalCluster(audited=True, crds=CRD_DIRECTORY.glob("*.yaml")) as cluster:
        add_nodes(cluster, NODES)
        cluster.kubectl("get", "internvldeployments", "--all-namespaces")
        grant_rights(cluster)
        for namespace in sorted({failure.namespace for failure in FAILURES.values()}):
            create_namespace(cluster, namespace)
        quotas = {"no-quota": "0", "some-quota": "1", "surge-quota": "1"}
        apply(cluster, *(_quota(namespace, gpus) for namespace, gpus in quotas.items()), *_claims("failures"))
        eventually(lambda: _is_bound(cluster, "bound", "failures"), "the claim is bound", SECONDS)
        for namespace in quotas:
            eventually(
                partial(_counts, cluster, "gpus", namespace), f"the quota of {namespace} counts", SECONDS
            )
        spawn_operator(cluster)
        apply(cluster, *(_resource(name, failure) for name, failure in FAILURES.items()))
        _lose_the_node_of(cluster, "cut-off", "failures")
        yield cluster


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_recognised_and_a_near_miss_is_told_as_what_it_is(
    failing: LocalCluster, name: str, record_property: Callable[[str, object], None]
) -> None:
    failure = FAILURES[name]
    if failure.change:
        wait_ready(failing, name, failure.namespace, SECONDS)
        apply(failing, _resource(name, failure, failure.change))
    if failure.pod_fate:
        _send_to(failing, name, failure)

    ready = eventually(
        lambda: _told(failing, name, failure),
        lambda: (
            f"{name}: {failure.reason}; it says {condition(get(failing, 'ivl', name, failure.namespace), 'Ready')}"
        ),
        SECONDS,
    )

    record_property("how", failure.how)
    record_property("reason", ready["reason"])
    record_property("message", ready["message"])
    assert all(words in ready["message"] for words in failure.says), ready["message"]


def test_every_reason_is_brought_about_and_nearly_so() -> None:
    reasons = {str(reason) for reason in FROM_PODS}
    assert reasons <= {failure.reason for failure in FAILURES.values()}
    assert reasons == {miss for failure in FAILURES.values() for miss in failure.misses}


def test_each_reason_is_one_event_however_often_a_pod_crashes(failing: LocalCluster) -> None:
    name, namespace = "gpu-memory", FAILURES["gpu-memory"].namespace
    eventually(lambda: _told(failing, name, FAILURES[name]), "OutOfGPUMemory", SECONDS)
    before = _status_writes(failing, name)

    (pod,) = _pods(failing, name, namespace)
    for restarts in (4, 5, 6):
        statuses = pod["status"]["containerStatuses"]
        statuses[0] |= {"restartCount": restarts}
        _patch_status(failing, pod, {"containerStatuses": statuses})
    apply(failing, resource("witness", namespace, gpu={"product": PLENTY}))
    wait_ready(failing, "witness", namespace, SECONDS)

    assert _status_writes(failing, name) == before, "a crash more is no news"
    listed = get_all(failing, "events", namespace)
    ours = [item for item in listed if item["involvedObject"]["kind"] == "InternVLDeployment"]
    reasons = [item["reason"] for item in ours if item["involvedObject"]["name"] == name]
    assert sorted(reasons) == ["OutOfGPUMemory", "Planned"]


def test_pods_of_another_controller_say_nothing(failing: LocalCluster) -> None:
    namespace = "failures"
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "stranger",
            "namespace": namespace,
            "labels": {"internvl.dev/name": "loading", "pod-template-hash": "0"},
        },
        "spec": {"containers": [{"name": "lmdeploy", "image": "busybox"}], "nodeSelector": {"no": "where"}},
    }
    apply(failing, stranger)
    eventually(
        lambda: condition(get(failing, "pod", "stranger", namespace), "PodScheduled").get("reason"),
        "the stranger's fate",
    )
    apply(failing, resource("bystander", namespace, gpu={"product": PLENTY}))
    wait_ready(failing, "bystander", namespace, SECONDS)

    assert condition(get(failing, "ivl", "loading", namespace), "Ready")["reason"] == "LoadingWeights"


@pytest.mark.timeout(150)
def test_a_node_that_stops_to_report_is_recognised(failing: LocalCluster) -> None:
    def message() -> str | None:
        found = condition(get(failing, "ivl", "cut-off", "failures"), "Ready")
        return found["message"] if found.get("reason") == "NodeLost" else None

    assert "node lost has not reported since 20" in eventually(
        message, "NodeLost", NODE_GRACE_SECONDS + SECONDS
    )


def _is_bound(cluster: LocalCluster, name: str, namespace: str) -> bool:
    """Whether a claim has its volume: one that is seen before its volume waits 15 s more."""
    claim = get(cluster, "persistentvolumeclaim", name, namespace) or {}
    return bool(claim.get("status", {}).get("phase") == "Bound")


def _counts(cluster: LocalCluster, name: str, namespace: str) -> bool:
    """Whether a quota knows what is used: until then it refuses in other words."""
    quota = get(cluster, "resourcequota", name, namespace) or {}
    return "hard" in quota.get("status", {})


def _lose_the_node_of(cluster: LocalCluster, name: str, namespace: str) -> None:
    """Let the only node of a ready pod stop to report, which its controller notices after the grace period."""
    apply(cluster, resource(name, namespace, gpu={"product": LOST}))
    wait_ready(cluster, name, namespace, SECONDS)
    (pod,) = _pods(cluster, name, namespace)
    # Otherwise kwok, which plays pods also without their node, makes it ready again.
    patch(cluster, "pod", pod["metadata"]["name"], namespace, {"metadata": {"labels": {FATE_LABEL: "none"}}})
    patch(cluster, "node", "lost", "", {"metadata": {"annotations": {"kwok.x-k8s.io/node": None}}})


def _told(cluster: LocalCluster, name: str, failure: Failure) -> Object | None:
    """Return the condition Ready once all conditions are those of the failure."""
    body = get(cluster, "ivl", name, failure.namespace)
    ready = condition(body, "Ready")
    states = {
        type_: condition(body, type_).get("status") for type_ in ("Stalled", "Reconciling", "Available")
    }
    wanted = {
        "Stalled": failure.stalled,
        "Reconciling": failure.reason != "Ready" and not failure.stalled,
        "Available": failure.available,
    }
    matches = ready.get("reason") == failure.reason and states == {
        type_: str(state) for type_, state in wanted.items()
    }
    return ready if matches else None


def _resource(name: str, failure: Failure, change: Object | None = None) -> Object:
    spec: dict[str, Any] = {"gpu": {"product": PLENTY}, **failure.spec, **(change or {})}
    if failure.fate:
        template = dict(spec.get("podTemplate", {}))
        template["labels"] = {FATE_LABEL: failure.fate[FATE_LABEL]}
        template["annotations"] = {key: value for key, value in failure.fate.items() if key != FATE_LABEL}
        spec["podTemplate"] = template
    return resource(name, failure.namespace, **spec)


def _send_to(cluster: LocalCluster, name: str, failure: Failure) -> None:
    """Give the first pod its fate, once it is what it should be before."""
    if failure.fate:
        eventually(lambda: _reason(cluster, name, failure) == "LoadingWeights", f"{name} loads", SECONDS)
    else:
        wait_ready(cluster, name, failure.namespace, SECONDS)
    pod = _pods(cluster, name, failure.namespace)[0]
    metadata = {
        "labels": {FATE_LABEL: failure.pod_fate[FATE_LABEL]},
        "annotations": {key: value for key, value in failure.pod_fate.items() if key != FATE_LABEL},
    }
    patch(cluster, "pod", pod["metadata"]["name"], failure.namespace, {"metadata": metadata})
    if failure.reason == "Ready":
        eventually(lambda: _replaced(cluster, name, failure, pod), f"a new pod of {name}", SECONDS)


def _replaced(cluster: LocalCluster, name: str, failure: Failure, pod: Object) -> bool:
    others = [
        item
        for item in _pods(cluster, name, failure.namespace)
        if item["metadata"]["uid"] != pod["metadata"]["uid"]
    ]
    return any(condition(item, "Ready").get("status") == "True" for item in others)


def _reason(cluster: LocalCluster, name: str, failure: Failure) -> str | None:
    return condition(get(cluster, "ivl", name, failure.namespace), "Ready").get("reason")


def _pods(cluster: LocalCluster, name: str, namespace: str) -> list[Object]:
    pods = get_all(cluster, "pods", namespace)
    return [pod for pod in pods if pod["metadata"]["labels"].get("internvl.dev/name") == name]


def _patch_status(cluster: LocalCluster, pod: Object, status: Object) -> None:
    metadata = pod["metadata"]
    patch(cluster, "pod", metadata["name"], metadata["namespace"], {"status": status}, "status")


def _status_writes(cluster: LocalCluster, name: str) -> int:
    return sum(
        event.user == USER and event.is_write and event.name == name and event.subresource == "status"
        for event in cluster.audit_events()
    )


def _quota(namespace: str, gpus: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": namespace},
        "spec": {"hard": {"requests.nvidia.com/gpu": gpus}},
    }


def _claims(namespace: str) -> list[Object]:
    """A claim that nothing is bound to, and one that is bound to a volume."""

    def claim(name: str, volume: str) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadOnlyMany"],
                "storageClassName": "",
                "resources": {"requests": {"storage": "1Gi"}},
                "volumeName": volume,
            },
        }

    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "capacity": {"storage": "1Gi"},
            "storageClassName": "",
            "hostPath": {"path": "/models"},
        },
    }
    return [volume, claim("bound", "models"), claim("unbound", "absent")]
