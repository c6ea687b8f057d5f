"""Changes of a model that serves: beside the old pods where GPUs are spare, and without a deadlock where none are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.operators.operator_process import resource
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import apply, condition, eventually, get, get_all, states_since, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

# The pools come first: the operator may have read the nodes a moment before.
pytestmark = [pytest.mark.usefixtures("pools", "operator"), pytest.mark.timeout(240)]

# Without it, pods of tests before this module that still wait for a GPU would take the pools'.
POOL_TAINT = {"key": "internvl.test/pool", "value": "rollout", "effect": "NoSchedule"}
POOL_TOLERATION = {"key": POOL_TAINT["key"], "operator": "Exists"}


@pytest.fixture(scope="module")
def pools(cluster: LocalCluster) -> Iterator[None]:
    """Nodes that only the tests of this module may use: one GPU, two, and three."""
    nodes = [
        gpu_node(f"pool-{count}", count=count, labels={"pool": f"gpus-{count}"}, taints=[POOL_TAINT])
        for count in (1, 2, 3)
    ]
    add_nodes(cluster, nodes)
    yield
    cluster.kubectl("delete", "node", *(node["metadata"]["name"] for node in nodes))


def _model(name: str, namespace: str, gpus: int, *, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    rollout = {"surgeTimeoutSeconds": 2} | spec.pop("rollout", {})
    pod_template = {"nodeSelector": {"pool": f"gpus-{gpus}"}, "tolerations": [POOL_TOLERATION]}
    return resource(
        name,
        namespace,
        **({"replicas": replicas, "rollout": rollout, "podTemplate": pod_template} | spec),
    )


def _running(cluster: LocalCluster, body: dict[str, Any]) -> dict[str, Any]:
    """Apply a resource and return it once it is Ready."""
    metadata = body["metadata"]
    apply(cluster, body)
    return wait_ready(cluster, metadata["name"], metadata["namespace"], timeout=60)


def _states(cluster: LocalCluster, since: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every state that a Deployment has had since one of its states."""
    metadata = since["metadata"]
    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments"
    return states_since(cluster, path, metadata["name"], metadata["resourceVersion"])


def _ready_replicas(cluster: LocalCluster, since: dict[str, Any]) -> list[int]:
    """Return the ready replicas in each of these states."""
    return [state["status"].get("readyReplicas", 0) for state in _states(cluster, since)]


def _deployment(cluster: LocalCluster, name: str, namespace: str) -> dict[str, Any]:
    found = get(cluster, "deployment", name, namespace)
    assert found is not None
    return found


def _strategy(cluster: LocalCluster, name: str, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = _deployment(cluster, name, namespace)["spec"]["strategy"]["rollingUpdate"]
    return found


def _uids(cluster: LocalCluster, namespace: str) -> set[str]:
    return {
        pod["metadata"]["uid"]
        for pod in get_all(cluster, "pods", namespace)
        if "deletionTimestamp" not in pod["metadata"]
    }


@pytest.mark.parametrize("replicas", [1, 2])
def test_with_a_spare_gpu_no_moment_is_without_all_replicas_ready(
    cluster: LocalCluster, namespace: str, replicas: int
) -> None:
    # A pod that ends has its GPU for a moment yet, which is no reason to surge no more.
    patient = {"surgeTimeoutSeconds": 300}
    body = _model("spare", namespace, replicas + 1, replicas=replicas, rollout=patient)
    _running(cluster, body)
    before = _uids(cluster, namespace)

    body["spec"]["engine"] = {"sessionLen": 4096}
    since = _deployment(cluster, "spare", namespace)
    _running(cluster, body)
    ready = _ready_replicas(cluster, since)

    assert min(ready) >= replicas
    assert not before & _uids(cluster, namespace)
    assert _strategy(cluster, "spare", namespace) == {"maxSurge": 1, "maxUnavailable": 0}


def test_without_a_spare_gpu_auto_stops_an_old_pod_first_says_so_and_surges_the_next_time(
    cluster: LocalCluster, namespace: str
) -> None:
    body = _model("full", namespace, 3, replicas=3)
    assert _running(cluster, body)["status"]["rolloutStrategy"] == "Surge"

    body["spec"]["engine"] = {"sessionLen": 4096}
    since = _deployment(cluster, "full", namespace)
    done = _running(cluster, body)
    ready = _ready_replicas(cluster, since)

    assert done["status"]["rolloutStrategy"] == "TerminateFirst"
    assert min(ready) >= 2, "all but one keep serving"
    assert _strategy(cluster, "full", namespace) == {"maxSurge": 0, "maxUnavailable": 1}
    events = get_all(cluster, "events", namespace)
    assert "TerminateFirst" in {event["reason"] for event in events}

    body["spec"]["engine"] = {"sessionLen": 2048}
    since = _deployment(cluster, "full", namespace)
    assert _running(cluster, body)["status"]["rolloutStrategy"] == "TerminateFirst"
    strategies = [state["spec"]["strategy"]["rollingUpdate"] for state in _states(cluster, since)]
    assert {"maxSurge": 1, "maxUnavailable": 0} in strategies, "the next rollout surges again"


def test_a_surge_alone_hangs_in_the_same_place_and_keeps_serving(
    cluster: LocalCluster, namespace: str
) -> None:
    body = _model("stuck", namespace, 1, rollout={"strategy": "Surge"})
    _running(cluster, body)
    (old,) = _uids(cluster, namespace)

    body["spec"]["engine"] = {"sessionLen": 4096}
    apply(cluster, body)
    eventually(lambda: len(_uids(cluster, namespace)) == 2, "a new pod beside the old one")
    _hangs(lambda: wait_ready(cluster, "stuck", namespace, timeout=10))

    assert old in _uids(cluster, namespace)
    waiting = get(cluster, "ivl", "stuck", namespace)
    assert condition(waiting, "Available")["status"] == "True"
    assert condition(waiting, "Ready")["status"] == "False"

    body["spec"]["rollout"]["strategy"] = "Auto"
    assert _running(cluster, body)["status"]["rolloutStrategy"] == "TerminateFirst"


@pytest.mark.parametrize(
    "change",
    [
        {"podTemplate": {"nodeSelector": {"pool": "of-no-node"}}},
        {"podTemplate": {"nodeSelector": {"pool": "gpus-2"}}, "engine": {"tp": 2}},
        {"podTemplate": {"nodeSelector": {"pool": "gpus-2"}, "resources": {"requests": {"cpu": "95"}}}},
    ],
    ids=["no such node", "more GPUs than before", "too much CPU"],
)
def test_what_an_old_pod_would_make_no_room_for_stops_no_old_pod(
    cluster: LocalCluster, namespace: str, change: dict[str, Any]
) -> None:
    body = _model("kept", namespace, 2, replicas=2)
    _running(cluster, body)
    old = _uids(cluster, namespace)

    pod_template = body["spec"]["podTemplate"] | change["podTemplate"]
    body["spec"] |= change | {"podTemplate": pod_template, "gpu": {"product": "NVIDIA-A100-SXM4-80GB"}}
    apply(cluster, body)
    eventually(lambda: len(_uids(cluster, namespace)) == 3, "a new pod beside the old ones")
    _hangs(lambda: wait_ready(cluster, "kept", namespace, timeout=5))

    assert old < _uids(cluster, namespace)
    assert _strategy(cluster, "kept", namespace) == {"maxSurge": 1, "maxUnavailable": 0}


def test_recreate_stops_all_old_pods_first(cluster: LocalCluster, namespace: str) -> None:
    body = _model("again", namespace, 2, replicas=2, rollout={"strategy": "Recreate"})
    _running(cluster, body)

    body["spec"]["rollout"]["restartedAt"] = "2026-11-22T12:00:00Z"
    since = _deployment(cluster, "again", namespace)
    _running(cluster, body)
    ready = _ready_replicas(cluster, since)

    assert min(ready) == 0


def _hangs(wait: Any) -> None:
    with pytest.raises(AssertionError, match="not within"):
        wait()
