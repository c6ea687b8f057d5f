"""One resource in, one endpoint out, and kept so: on the real API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import (
    apply,
    condition,
    eventually,
    get,
    get_all,
    wait_ready,
    wait_stalled,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")


def test_a_resource_becomes_ready_with_plan_endpoint_and_conditions(
    cluster: LocalCluster, namespace: str
) -> None:
    apply(cluster, resource("captions", namespace, size="8B"))

    body = wait_ready(cluster, "captions", namespace)

    status = body["status"]
    assert status["observedGeneration"] == body["metadata"]["generation"]
    assert status["endpoint"] == f"http://captions.{namespace}.svc:23333/v1"
    assert status["modelName"] == "InternVL2-8B"
    assert (status["plan"]["gpus"], status["plan"]["tp"], status["plan"]["quantization"]) == (1, 1, "None")
    assert {item["type"]: item["status"] for item in status["conditions"]} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "Planned": "True",
        "Available": "True",
        "UpdateAvailable": "False",
    }
    for kind in ("deployment", "service", "networkpolicy"):
        owner = get(cluster, kind, "captions", namespace)["metadata"]["ownerReferences"][0]  # type: ignore[index]
        assert (owner["uid"], owner["controller"]) == (body["metadata"]["uid"], True)
    assert "metadata" in body
    assert "finalizers" not in body["metadata"]


def test_the_gpu_request_equals_the_limit_equals_tp(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("large", namespace, size="76B"))

    plan = wait_ready(cluster, "large", namespace)["status"]["plan"]

    deployment = get(cluster, "deployment", "large", namespace)
    assert deployment is not None
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    arguments = container["args"]
    assert plan["gpus"] == plan["tp"] == 4
    assert arguments[arguments.index("--tp") + 1] == "4"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert container["resources"]["requests"]["nvidia.com/gpu"] == "4"


def test_the_rendered_manifests_are_exactly_what_is_applied(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    body = resource("same", namespace, size="8B", replicas=2)
    apply(cluster, body)
    eventually(
        lambda: wait_ready(cluster, "same", namespace)["status"]["readyReplicas"] == 2, "both replicas ready"
    )
    file = tmp_path / "same.yaml"
    file.write_text(yaml.safe_dump(body))

    rendered = _internvl("render", "-f", str(file), "--gpu", "NVIDIA-A100-SXM4-80GB")

    manifests = list(yaml.safe_load_all(rendered))
    assert [manifest["kind"] for manifest in manifests] == [
        "NetworkPolicy",
        "Service",
        "Deployment",
        "PodDisruptionBudget",
    ]
    for manifest in manifests:
        live = get(cluster, manifest["kind"], "same", namespace)
        assert live is not None
        manifest["metadata"]["ownerReferences"] = live["metadata"]["ownerReferences"]
        cluster.kubectl(
            *("apply", "-f", "-", "--server-side", "--field-manager=internvl-operator", "--force-conflicts"),
            input=json.dumps(manifest),
        )
        after = get(cluster, manifest["kind"], "same", namespace)
        assert after is not None
        # The API server does not write an object in which nothing changed, the owners of fields included.
        assert after["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


def test_arguments_edited_by_hand_are_put_back(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("drift", namespace))
    wait_ready(cluster, "drift", namespace)
    wanted = _arguments(cluster, "drift", namespace)

    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": ["/models/else"]}]
    cluster.kubectl("patch", "deployment", "drift", "-n", namespace, "--type=json", f"-p={json.dumps(patch)}")

    eventually(lambda: _arguments(cluster, "drift", namespace) == wanted, "the wanted arguments")


def test_scaling_through_the_scale_subresource_restarts_no_pod(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("wide", namespace))
    wait_ready(cluster, "wide", namespace)
    first = {pod["metadata"]["uid"] for pod in get_all(cluster, "pods", namespace)}

    cluster.kubectl("scale", "ivl/wide", "-n", namespace, "--replicas=2")

    def two() -> bool:
        body = wait_ready(cluster, "wide", namespace)
        return bool(body["status"].get("readyReplicas") == 2)

    eventually(two, "two ready replicas")
    scale = json.loads(
        cluster.get(f"/apis/internvl.dev/v1alpha1/namespaces/{namespace}/internvldeployments/wide/scale")
    )
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    assert scale["status"]["selector"] == "internvl.dev/name=wide"
    assert first < {pod["metadata"]["uid"] for pod in get_all(cluster, "pods", namespace)}


def test_zero_replicas_is_ready_as_asked(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("none", namespace, replicas=0))

    body = wait_ready(cluster, "none", namespace)

    assert condition(body, "Ready")["reason"] == "ScaledToZero"
    assert body["status"]["ready"] == "0/0"


def test_a_change_of_spec_reaches_the_pods(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("edit", namespace))
    wait_ready(cluster, "edit", namespace)

    apply(cluster, resource("edit", namespace, engine={"sessionLen": 4096}))

    eventually(lambda: "4096" in _arguments(cluster, "edit", namespace), "the new session length")
    wait_ready(cluster, "edit", namespace)


def test_a_service_account_that_is_no_longer_named_is_left(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("create", "serviceaccount", "other", "-n", namespace)
    apply(cluster, resource("moved", namespace, podTemplate={"serviceAccountName": "other"}))
    wait_ready(cluster, "moved", namespace)

    apply(cluster, resource("moved", namespace))
    wait_ready(cluster, "moved", namespace)

    pod = get(cluster, "deployment", "moved", namespace)["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod["serviceAccountName"] == "default"


def test_a_network_policy_that_is_no_longer_wanted_is_deleted(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("open", namespace))
    wait_ready(cluster, "open", namespace)
    assert get(cluster, "networkpolicy", "open", namespace) is not None

    apply(cluster, resource("open", namespace, networkPolicy={"enabled": False}))

    eventually(lambda: get(cluster, "networkpolicy", "open", namespace) is None, "no NetworkPolicy")


def test_a_broken_spec_keeps_what_serves(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("keep", namespace))
    wait_ready(cluster, "keep", namespace)
    before = _arguments(cluster, "keep", namespace)

    apply(cluster, resource("keep", namespace, engine={"extraArgs": ["--no-such-flag"]}))
    wait_stalled(cluster, "keep", namespace, "Rejected")

    assert _arguments(cluster, "keep", namespace) == before
    assert condition(get(cluster, "ivl", "keep", namespace), "Available")["status"] == "True"


def test_deletion_leaves_nothing_behind(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("gone", namespace))
    wait_ready(cluster, "gone", namespace)

    cluster.kubectl("delete", "ivl", "gone", "-n", namespace)

    for kind in ("deployment", "service", "networkpolicy", "pods"):
        eventually(lambda kind=kind: not _named(cluster, kind, namespace, "gone"), f"no {kind}", timeout=40)  # type: ignore[misc]


def test_a_resource_that_is_recreated_at_once_becomes_ready(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("again", namespace))
    first = wait_ready(cluster, "again", namespace)

    cluster.kubectl("delete", "ivl", "again", "-n", namespace, "--cascade=background")
    apply(cluster, resource("again", namespace))

    def second() -> bool:
        return bool(wait_ready(cluster, "again", namespace)["metadata"]["uid"] != first["metadata"]["uid"])

    eventually(second, "the second resource Ready", timeout=60)


def _internvl(*arguments: str) -> str:
    import subprocess
    import sys

    command = [sys.executable, "-m", "internvl_operator", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _arguments(cluster: LocalCluster, name: str, namespace: str) -> list[str]:
    deployment = get(cluster, "deployment", name, namespace)
    assert deployment is not None
    arguments: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return arguments


def _named(cluster: LocalCluster, kind: str, namespace: str, name: str) -> list[object]:
    return [item for item in get_all(cluster, kind, namespace) if item["metadata"]["name"].startswith(name)]
