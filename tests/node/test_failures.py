"""Engines that fail: what the kubelet does about them, and what the resource's status tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.manifests.labels import REVISION_LABEL, TEMPLATE_ANNOTATION
from internvl_operator.manifests.record import template_digest
from tests.cluster.operators.operator_process import spawn_operator
from tests.cluster.waiting import apply, condition, eventually, get, get_all, wait_ready, wait_stalled
from tests.node.client import ask
from tests.node.models import PORT, SMALL, serving_address, stub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.control_plane import LocalCluster
    from tests.node.cluster.real_cluster import RealCluster

pytestmark = pytest.mark.timeout(300)
MODEL = "InternVL2-1B"
STARTUP_BUDGET = {"periodSeconds": 1, "failureThreshold": 5}


def test_an_engine_that_is_killed_is_restarted_and_the_status_tells(
    cluster: LocalCluster, real: RealCluster, namespace: str
) -> None:
    apply(cluster, stub("killed", namespace, {"STUB_LOAD_SECONDS": "15"}))
    wait_ready(cluster, "killed", namespace, 60)
    (pod,) = get_all(cluster, "pods", namespace)
    real.nodes[pod["spec"]["nodeName"]].kill(pod, "lmdeploy")
    eventually(lambda: loads_again(cluster, "killed", namespace), "the status tells of the kill", 30)
    wait_ready(cluster, "killed", namespace, 60)
    assert ask(serving_address(cluster, "killed", namespace), PORT, MODEL, 1).problem == ""
    (again,) = get_all(cluster, "pods", namespace)
    assert again["metadata"]["uid"] == pod["metadata"]["uid"]
    assert again["status"]["containerStatuses"][0]["restartCount"] == 1


def loads_again(cluster: LocalCluster, name: str, namespace: str) -> bool:
    """Whether a resource says that it is not ready because its engine was killed and loads anew."""
    ready = condition(get(cluster, "ivl", name, namespace), "Ready")
    return (ready["status"], ready["reason"]) == (
        "False",
        "LoadingWeights",
    ) and "restarted after exit code 137" in ready["message"]


def test_an_engine_that_hangs_in_its_warm_up_is_ended_by_the_startup_probe(
    cluster: LocalCluster, real: RealCluster, namespace: str
) -> None:
    """The budget of a real engine is five minutes at least; an earlier operator's template has a shorter one."""
    model = stub("hung", namespace, {"STUB_FAIL": "hang-in-warmup"}, suspend=True)
    apply(cluster, model)
    eventually(lambda: get(cluster, "deployment", "hung", namespace), "the Deployment")
    eventually(lambda: status_of(cluster, "hung", namespace).get("revision"), "the revision is told")
    real.operator.stop()
    try:
        write_earlier_template(cluster, "hung", namespace)
    finally:
        real.operator = spawn_operator(cluster)
    model["spec"]["suspend"] = False
    apply(cluster, model)
    message = wait_stalled(cluster, "hung", namespace, "WarmupHung", 90)
    assert "the port stayed closed for 5 s" in message
    assert "out of memory" in message
    eventually(lambda: restarts(cluster, namespace) >= 1, "the kubelet starts the engine again")


def status_of(cluster: LocalCluster, name: str, namespace: str) -> dict[str, Any]:
    """Return the status of a resource, empty before there is one."""
    return (get(cluster, "ivl", name, namespace) or {}).get("status") or {}


def write_earlier_template(cluster: LocalCluster, name: str, namespace: str) -> None:
    """Write a Deployment and a status as an operator with a shorter startup budget has left them."""
    deployment = eventually(lambda: get(cluster, "deployment", name, namespace), "the Deployment")
    template = json.loads(deployment["metadata"]["annotations"][TEMPLATE_ANNOTATION])
    template["spec"]["containers"][0]["startupProbe"].update(STARTUP_BUDGET)
    revision = template["metadata"]["labels"][REVISION_LABEL] = template_digest(template)
    annotations = {TEMPLATE_ANNOTATION: json.dumps(template)}
    patch = json.dumps({"metadata": {"annotations": annotations}, "spec": {"template": template}})
    # A patch, because the Deployment's controller writes at the same time.
    cluster.kubectl("patch", "deployment", name, "-n", namespace, "--type=merge", f"--patch={patch}")
    # That operator's status had no hash of the record.
    told = json.dumps({"status": {"revision": revision, "recordHash": None}})
    cluster.kubectl(
        "patch", "ivl", name, "-n", namespace, "--subresource=status", "--type=merge", f"--patch={told}"
    )


def restarts(cluster: LocalCluster, namespace: str) -> int:
    """How often the engine of the only pod was started again."""
    (pod,) = get_all(cluster, "pods", namespace)
    (engine,) = pod["status"]["containerStatuses"]
    return int(engine["restartCount"])


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail at the start.

    Attributes:
        words: What the status quotes or says.
        environment: The stub's variables.
        spec: Further fields of the spec.
    """

    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)


FAILURES = {
    "OutOfGPUMemory": Failure("CUDA runtime error: out of memory", {"STUB_FAIL": "oom"}),
    "EngineRejectedFlags": Failure(
        "unrecognized arguments: --trust-remote-code", {"STUB_ENGINE_VERSION": "0.12.3"}
    ),
    "OOMKilled": Failure(
        "host memory",
        spec={
            "podTemplate": {
                "resources": {"requests": {**SMALL, "memory": "8Mi"}, "limits": {"memory": "24Mi"}}
            }
        },
    ),
    "SecretMissing": Failure(
        'secret "absent" not found', spec={"server": {"apiKeySecretRef": {"name": "absent", "key": "key"}}}
    ),
    "ImagePullFailed": Failure(
        "internvl.test/absent:1", spec={"engine": {"image": "internvl.test/absent:1"}}
    ),
}


def test_the_status_tells_why_an_engine_does_not_start(cluster: LocalCluster, namespace: str) -> None:
    names = {reason: reason.lower() for reason in FAILURES}
    apply(
        cluster,
        *(stub(names[reason], namespace, case.environment, **case.spec) for reason, case in FAILURES.items()),
    )
    messages = {reason: wait_stalled(cluster, name, namespace, reason, 60) for reason, name in names.items()}
    assert {
        reason: case.words for reason, case in FAILURES.items() if case.words not in messages[reason]
    } == {}
