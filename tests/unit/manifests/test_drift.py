"""An object is as applied while it carries the manifest's hash and every field of the manifest."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from internvl_operator.manifests.drift import is_applied
from internvl_operator.manifests.labels import MANIFEST_ANNOTATION
from internvl_operator.manifests.record import with_manifest_hash
from tests.rendering import children_of

MANIFEST = with_manifest_hash(
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "captions", "labels": {"app.kubernetes.io/name": "internvl"}},
        "spec": {
            "replicas": 0,
            "template": {
                "spec": {
                    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                    "containers": [
                        {
                            "name": "lmdeploy",
                            "args": ["--tp", "2"],
                            "env": [{"name": "HOME", "value": "/scratch"}, {"name": "EMPTY", "value": ""}],
                            "resources": {"requests": {"cpu": "0.5", "memory": "1.5Gi"}},
                        }
                    ],
                    "volumes": [
                        {"name": "scratch", "emptyDir": {}},
                        {"name": "dshm", "emptyDir": {"sizeLimit": "1024Mi"}},
                    ],
                }
            },
        },
    }
)


@pytest.fixture
def live() -> dict[str, Any]:
    """The object as an API server stores it: with defaults, without what is empty, amounts in its own spelling."""
    live = deepcopy(MANIFEST)
    live["metadata"] |= {"uid": "5f2c", "resourceVersion": "7", "generation": 1}
    live["spec"]["progressDeadlineSeconds"] = 600
    live["status"] = {"replicas": 0}
    pod = live["spec"]["template"]["spec"]
    pod["dnsPolicy"] = "ClusterFirst"
    container = pod["containers"][0]
    container["imagePullPolicy"] = "IfNotPresent"
    del container["env"][1]["value"]
    container["resources"]["requests"] = {"cpu": "500m", "memory": "1536Mi"}
    pod["volumes"][1]["emptyDir"]["sizeLimit"] = "1Gi"
    return live


def _pod(body: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = body["spec"]["template"]["spec"]
    return pod


def _container(body: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = _pod(body)["containers"][0]
    return container


def test_what_the_api_server_stores_is_as_applied(live: dict[str, Any]) -> None:
    assert is_applied(MANIFEST, live)


def test_another_managers_additions_are_left_alone(live: dict[str, Any]) -> None:
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    live["metadata"]["labels"]["team"] = "vision"
    _container(live)["env"].append({"name": "INJECTED", "value": "yes"})
    _pod(live)["containers"].append({"name": "sidecar", "image": "mesh"})
    _pod(live)["volumes"].insert(0, {"name": "certificates", "emptyDir": {}})
    assert is_applied(MANIFEST, live)


def test_named_items_may_stand_in_another_order(live: dict[str, Any]) -> None:
    _pod(live)["volumes"].reverse()
    assert is_applied(MANIFEST, live)


@pytest.mark.parametrize(
    ("cpu", "stored"),
    [("4", "4"), ("4000m", "4"), ("0.0001", "1m"), ("1000k", "1M"), ("1e3", "1k"), (4, "4")],
)
def test_an_amount_is_compared_by_its_value_as_the_api_server_rounds_it(
    cpu: object, stored: str, live: dict[str, Any]
) -> None:
    desired = deepcopy(MANIFEST)
    _container(desired)["resources"]["requests"]["cpu"] = cpu
    _container(live)["resources"]["requests"]["cpu"] = stored
    assert is_applied(desired, live)


def test_a_divisor_of_a_variable_is_an_amount(live: dict[str, Any]) -> None:
    desired = deepcopy(MANIFEST)
    for body, divisor in ((desired, "1000m"), (live, "1")):
        reference = {"resource": "limits.cpu", "divisor": divisor}
        _container(body)["env"][0] = {"name": "CORES", "valueFrom": {"resourceFieldRef": reference}}
    assert is_applied(desired, live)


def test_an_autoscalers_target_is_an_amount() -> None:
    spec = {"size": "8B", "autoscaling": {"maxReplicas": 2, "targetWaitingRequests": 1000}}
    desired = next(child for child in children_of(spec) if child["kind"] == "HorizontalPodAutoscaler")
    live = deepcopy(desired)
    live["spec"]["metrics"][0]["pods"]["target"]["averageValue"] = "1k"
    assert is_applied(desired, live)


def test_amounts_elsewhere_are_texts(live: dict[str, Any]) -> None:
    desired = deepcopy(MANIFEST)
    desired["metadata"]["labels"]["cpu"] = "0.5"
    live["metadata"]["labels"]["cpu"] = "500m"
    assert not is_applied(desired, live)


def test_an_amount_that_the_api_server_will_refuse_differs(live: dict[str, Any]) -> None:
    desired = deepcopy(MANIFEST)
    _container(desired)["resources"]["requests"]["cpu"] = "four"
    assert not is_applied(desired, live)


@pytest.mark.parametrize("empty", [None, "", 0, False, [], {}])
def test_what_is_empty_may_be_left_out(empty: object, live: dict[str, Any]) -> None:
    desired = deepcopy(MANIFEST)
    desired["spec"]["template"]["spec"]["hostname"] = empty
    assert is_applied(desired, live)


def test_what_is_not_empty_must_be_there(live: dict[str, Any]) -> None:
    desired = deepcopy(MANIFEST)
    desired["spec"]["template"]["spec"]["hostname"] = "captions"
    assert not is_applied(desired, live)


def _edit_args(live: dict[str, Any]) -> None:
    _container(live)["args"][1] = "4"


def _append_an_argument(live: dict[str, Any]) -> None:
    _container(live)["args"].append("--eager-mode")


def _swap_args(live: dict[str, Any]) -> None:
    _container(live)["args"].reverse()


def _remove_args(live: dict[str, Any]) -> None:
    del _container(live)["args"]


def _edit_a_variable(live: dict[str, Any]) -> None:
    _container(live)["env"][0]["value"] = "/root"


def _remove_a_variable(live: dict[str, Any]) -> None:
    del _container(live)["env"][0]


def _remove_the_container(live: dict[str, Any]) -> None:
    _container(live)["name"] = "other"


def _scale(live: dict[str, Any]) -> None:
    live["spec"]["replicas"] = 1


def _lower_a_request(live: dict[str, Any]) -> None:
    _container(live)["resources"]["requests"]["memory"] = "1Gi"


def _remove_the_toleration(live: dict[str, Any]) -> None:
    _pod(live)["tolerations"] = []


def _add_a_toleration(live: dict[str, Any]) -> None:
    _pod(live)["tolerations"].append({"operator": "Exists"})


def _edit_a_label(live: dict[str, Any]) -> None:
    live["metadata"]["labels"]["app.kubernetes.io/name"] = "other"


def _change_the_type_of_a_field(live: dict[str, Any]) -> None:
    live["spec"]["template"] = "none"


def _remove_the_hash(live: dict[str, Any]) -> None:
    del live["metadata"]["annotations"][MANIFEST_ANNOTATION]


def _remove_all_annotations(live: dict[str, Any]) -> None:
    del live["metadata"]["annotations"]


@pytest.mark.parametrize(
    "edit",
    [
        _edit_args,
        _append_an_argument,
        _swap_args,
        _remove_args,
        _edit_a_variable,
        _remove_a_variable,
        _remove_the_container,
        _scale,
        _lower_a_request,
        _remove_the_toleration,
        _add_a_toleration,
        _edit_a_label,
        _change_the_type_of_a_field,
        _remove_the_hash,
        _remove_all_annotations,
    ],
    ids=lambda edit: edit.__name__.strip("_").replace("_", " "),
)
def test_an_edit_of_what_was_applied_is_seen(edit: Any, live: dict[str, Any]) -> None:
    edit(live)
    assert not is_applied(MANIFEST, live)


def test_a_field_that_is_no_longer_wanted_is_seen_by_the_hash() -> None:
    without_replicas = deepcopy(MANIFEST)
    del without_replicas["spec"]["replicas"]
    del without_replicas["metadata"]["annotations"]
    assert not is_applied(with_manifest_hash(without_replicas), MANIFEST)


@pytest.mark.parametrize(
    "peer",
    [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"podSelector": {}, "namespaceSelector": {}}],
    ids=["another peer", "a wider peer"],
)
def test_a_network_policy_that_lets_more_in_is_not_what_was_applied(peer: dict[str, Any]) -> None:
    policy = next(child for child in children_of({"size": "1B"}) if child["kind"] == "NetworkPolicy")
    live = deepcopy(policy)
    assert is_applied(policy, live)
    live["spec"]["ingress"][0]["from"][0] = peer
    assert not is_applied(policy, live)


def test_a_directory_of_the_pod_that_became_one_of_the_node_is_not_what_was_applied() -> None:
    deployment = next(child for child in children_of({"size": "1B"}) if child["kind"] == "Deployment")
    live = deepcopy(deployment)
    volumes = live["spec"]["template"]["spec"]["volumes"]
    volumes[0] = {"name": volumes[0]["name"], "hostPath": {"path": "/"}}
    assert not is_applied(deployment, live)


def test_a_service_that_selects_by_one_more_label_is_not_what_was_applied() -> None:
    service = next(child for child in children_of({"size": "1B"}) if child["kind"] == "Service")
    live = deepcopy(service)
    live["spec"]["selector"]["version"] = "2"
    assert not is_applied(service, live)


@pytest.mark.parametrize(
    "wanted",
    [
        {"podSelector": None},
        {"resources": {"requests": {"divisor": None}}},
        {"affinity": None},
        {"emptyDir": None},
        {"nodeSelector": None},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "stored",
    [{"resources": {"requests": {}}}, {"resources": {"requests": {"divisor": "0"}}, "affinity": {}}],
    ids=str,
)
def test_a_field_without_a_value_is_applied_whatever_the_api_server_makes_of_it(
    wanted: dict[str, Any], stored: dict[str, Any]
) -> None:
    manifest = with_manifest_hash({"metadata": {"name": "a"}, "spec": wanted})
    assert is_applied(manifest, {**manifest, "spec": stored})


@pytest.mark.parametrize(
    ("field", "is_of_the_pod"),
    [
        ("automountServiceAccountToken", True),
        ("enableServiceLinks", True),
        ("allowPrivilegeEscalation", False),
    ],
)
def test_false_that_the_api_server_keeps_must_be_there(
    field: str, is_of_the_pod: bool, live: dict[str, Any]
) -> None:
    desired = deepcopy(MANIFEST)
    for body in (desired, live):
        (_pod(body) if is_of_the_pod else _container(body).setdefault("securityContext", {}))[field] = False
    assert is_applied(desired, live)
    del (_pod(live) if is_of_the_pod else _container(live)["securityContext"])[field]
    assert not is_applied(desired, live), "without it a pod has the right"


@pytest.mark.parametrize(
    ("path", "item"),
    [
        (("parentRefs",), {"name": "theirs", "namespace": "gateways"}),
        (("rules", 0, "backendRefs"), {"name": "theirs", "port": 80, "weight": 1000}),
        (("hostnames",), "theirs.example.com"),
    ],
)
def test_nobody_adds_to_a_list_that_is_one_value(path: tuple[str | int, ...], item: object) -> None:
    gateway = {"parentRefs": [{"name": "inference"}], "hostnames": ["captions.example.com"]}
    desired = next(
        child for child in children_of({"size": "8B", "gateway": gateway}) if child["kind"] == "HTTPRoute"
    )
    live = deepcopy(desired)
    live["spec"]["parentRefs"][0] |= {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    live["spec"]["rules"][0]["backendRefs"][0] |= {"group": "", "kind": "Service", "weight": 1}
    assert is_applied(desired, live), "defaults of the API server are no drift"
    added: Any = live["spec"]
    for step in path:
        added = added[step]
    added.append(item)
    assert not is_applied(desired, live)
