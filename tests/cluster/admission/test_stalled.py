"""What the operator cannot do, on a real API server: it is told, and what serves goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiserver.api import RefusedError
from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, eventually, get, wait_ready, wait_stalled

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")


def test_an_object_of_someone_else_is_left_alone_and_named(cluster: LocalCluster, namespace: str) -> None:
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "taken", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]},
            },
        },
    }
    apply(cluster, foreign)
    before = get(cluster, "deployment", "taken", namespace)
    assert before is not None

    apply(cluster, resource("taken", namespace))
    message = wait_stalled(cluster, "taken", namespace, "NameConflict")

    after = get(cluster, "deployment", "taken", namespace)
    assert after is not None
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("labels") == before["metadata"].get("labels")
    assert "ownerReferences" not in after["metadata"]
    assert "a Deployment named taken exists" in message


def test_a_model_that_fits_nowhere_is_stalled_with_the_way_out(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("big", namespace, size="76B", quantization="None", gpu={"maxCount": 1}))

    message = wait_stalled(cluster, "big", namespace, "DoesNotFit")

    assert "MiB" in message
    assert "use quantization AWQ" in message
    assert get(cluster, "deployment", "big", namespace) is None


def test_an_unknown_extra_argument_is_stalled_with_the_right_name(
    cluster: LocalCluster, namespace: str
) -> None:
    apply(cluster, resource("typo", namespace, engine={"extraArgs": ["--log-levle", "INFO"]}))

    assert "--log-level" in wait_stalled(cluster, "typo", namespace, "Rejected")


def test_a_pod_template_that_the_api_server_refuses_is_stalled(cluster: LocalCluster, namespace: str) -> None:
    apply(
        cluster, resource("odd", namespace, podTemplate={"tolerations": [{"key": "a", "operator": "Equals"}]})
    )

    message = wait_stalled(cluster, "odd", namespace, "InvalidPodTemplate")

    assert "tolerations" in message


def test_a_wrongly_typed_field_of_a_pod_is_refused_before_it_is_stored(
    cluster: LocalCluster, namespace: str
) -> None:
    with pytest.raises(RefusedError, match=r"spec\.engine\.env\[0\]\.value .* must be of type string"):
        apply(cluster, resource("typed", namespace, engine={"env": [{"name": "A", "value": 1}]}))


def test_a_resource_of_an_older_crd_is_reported_and_stops_no_other(
    cluster: LocalCluster, namespace: str
) -> None:
    crd = json.loads(cluster.kubectl("get", "crd", "internvldeployments.internvl.dev", "-o", "json"))
    lax = json.loads(json.dumps(crd))
    lax["metadata"] = {"name": crd["metadata"]["name"]}
    spec = lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec.clear()
    spec.update({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    spec["properties"] = {"replicas": {"type": "integer", "default": 1}}
    strict = {**crd, "metadata": {"name": crd["metadata"]["name"]}}
    strict.pop("status")
    cluster.kubectl("replace", "-f", "-", input=json.dumps(_with_version(cluster, lax)))
    try:
        old = resource("old", namespace)
        old["spec"] = {"modelSize": "eight"}
        eventually(lambda: _accepted(cluster, old), "the lax CRD in force")
    finally:
        cluster.kubectl("replace", "-f", "-", input=json.dumps(_with_version(cluster, strict)))

    apply(cluster, resource("new", namespace))

    assert "spec.size" in wait_stalled(cluster, "old", namespace, "InvalidSpec")
    wait_ready(cluster, "new", namespace)


def _accepted(cluster: LocalCluster, body: dict[str, object]) -> bool:
    try:
        apply(cluster, body)
    except RefusedError:
        return False
    return True


def _with_version(cluster: LocalCluster, crd: dict[str, object]) -> dict[str, object]:
    live = json.loads(cluster.kubectl("get", "crd", "internvldeployments.internvl.dev", "-o", "json"))
    return {
        **crd,
        "metadata": {
            "name": live["metadata"]["name"],
            "resourceVersion": live["metadata"]["resourceVersion"],
        },
    }
