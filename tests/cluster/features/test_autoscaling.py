"""Whoever writes spec.replicas through the scale subresource is the only one who does."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource
from tests.cluster.programs.published_crds import SCALED_OBJECT, obtain
from tests.cluster.waiting import apply, condition, eventually, get, patch, states_since, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

NAME = "captions"
RECONCILES = 100
EXAMPLES = Path(__file__).parents[3] / "examples"


def _scale(cluster: LocalCluster, namespace: str, replicas: int) -> None:
    cluster.kubectl("scale", "ivl", NAME, "-n", namespace, f"--replicas={replicas}")


def _deployment(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    found = get(cluster, "deployment", NAME, namespace)
    assert found is not None
    return found


def _ready_with(cluster: LocalCluster, namespace: str, replicas: int) -> None:
    eventually(
        lambda: wait_ready(cluster, NAME, namespace)["status"]["readyReplicas"] == replicas,
        f"{replicas} replicas ready",
        timeout=60,
    )


@pytest.mark.timeout(300)
def test_what_was_scaled_stays_scaled(cluster: LocalCluster, namespace: str, operator: Process) -> None:
    body = resource(NAME, namespace, autoscaling={"minReplicas": 1, "maxReplicas": 8})
    apply(cluster, body)
    wait_ready(cluster, NAME, namespace)
    _scale(cluster, namespace, 5)
    _ready_with(cluster, namespace, 5)
    since = _deployment(cluster, namespace)

    # Each edit of the Service is put back, which is a reconcile that ends in a write.
    for number in range(RECONCILES):
        edited = {"internvl.dev/name": f"edited-{number}"}
        patch(cluster, "service", NAME, namespace, {"metadata": {"labels": edited}})
    eventually(
        lambda: (
            (get(cluster, "service", NAME, namespace) or {})["metadata"]["labels"]["internvl.dev/name"]
            == NAME
        ),
        "the last edit is put back",
    )
    operator.stop()
    operator.start()
    for options in ((), ("--server-side", "--field-manager=gitops")):
        cluster.kubectl("apply", *options, "-f", "-", input=json.dumps(body))
    apply(cluster, {**body, "spec": body["spec"] | {"service": {"annotations": {"seen": "yes"}}}})
    eventually(
        lambda: (get(cluster, "service", NAME, namespace) or {})["metadata"]["annotations"].get("seen"),
        "the restarted operator works",
    )
    _ready_with(cluster, namespace, 5)

    states = states_since(
        cluster,
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        NAME,
        since["metadata"]["resourceVersion"],
    )
    assert {state["spec"]["replicas"] for state in [since, *states]} == {5}
    live = get(cluster, "ivl", NAME, namespace)
    assert live is not None
    assert live["spec"]["replicas"] == 5


def test_two_who_scale_are_followed_and_never_fought(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    """An autoscaler and a person take turns, as fast as they can: each write makes one change, and no more."""
    assert operator.running
    apply(cluster, resource(NAME, namespace))
    wait_ready(cluster, NAME, namespace)
    since = _deployment(cluster, namespace)

    for replicas in (2, 3, 2, 3, 2, 4):
        _scale(cluster, namespace, replicas)
    _ready_with(cluster, namespace, 4)

    states = states_since(
        cluster,
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        NAME,
        since["metadata"]["resourceVersion"],
    )
    wanted = [state["spec"]["replicas"] for state in [since, *states]]
    changes = sum(before != after for before, after in pairwise(wanted))
    assert changes <= 6
    assert wanted[-1] == 4


@pytest.mark.timeout(120)
def test_the_autoscalers_target_is_the_resource_itself(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    apply(cluster, resource(NAME, namespace, replicas=2, autoscaling={"minReplicas": 2, "maxReplicas": 3}))
    wait_ready(cluster, NAME, namespace)

    def able() -> dict[str, Any] | None:
        found = get(cluster, "horizontalpodautoscaler", NAME, namespace)
        return found if condition(found, "AbleToScale").get("status") == "True" else None

    autoscaler = eventually(able, "the autoscaler reads the scale subresource", timeout=60)
    assert autoscaler["spec"]["scaleTargetRef"]["kind"] == "InternVLDeployment"
    assert autoscaler["status"]["currentReplicas"] == 2
    # Nothing serves the metric here, and the autoscaler leaves the replicas alone.
    assert condition(autoscaler, "ScalingActive")["status"] == "False"


@pytest.fixture
def scaled_objects(cluster: LocalCluster) -> Iterator[None]:
    """The kind of KEDA, for this test alone: other modules begin without it."""
    file = obtain(SCALED_OBJECT)
    install_crds(cluster, file)
    yield
    cluster.kubectl("delete", f"--filename={file}")


@pytest.mark.usefixtures("scaled_objects")
def test_a_scaled_object_of_keda_may_name_the_resource(cluster: LocalCluster, namespace: str) -> None:
    example = yaml.safe_load((EXAMPLES / "keda" / "scaledobject.yaml").read_text())
    example["metadata"]["namespace"] = namespace
    apply(cluster, example)
    found = get(cluster, "scaledobject", example["metadata"]["name"], namespace)
    assert found is not None
    target = found["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"]) == ("internvl.dev/v1alpha1", "InternVLDeployment")
