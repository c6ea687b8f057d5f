"""`internvl status`: what it reads, and its exit codes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.cli.status.screen import Screen
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource

if TYPE_CHECKING:
    from tests.conftest import Internvl
    from tests.fake_api import FakeApi

GROUP = "/apis/internvl.dev/v1alpha1"
OPERATORS = "/apis/apps/v1/deployments"


def listing(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "metadata": {"resourceVersion": "1"}}


def captions(ready: str = "True", namespace: str = "vision") -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "Deploying",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    body = resource({"size": "40B"})
    body["metadata"] |= {"namespace": namespace, "name": "captions"}
    return body | {"status": {"conditions": [condition]}}


@pytest.fixture
def api(fake_api: FakeApi) -> FakeApi:
    """A cluster with a node of eight A100, without pods, and with the resource vision/captions."""
    fake_api.objects |= {
        f"{GROUP}/namespaces/vision/internvldeployments": listing(captions()),
        f"{GROUP}/namespaces/empty/internvldeployments": listing(),
        f"{GROUP}/internvldeployments": listing(captions(), captions("False", "other")),
        "/api/v1/nodes": listing(gpu_node("a")),
        "/api/v1/pods": listing(),
        OPERATORS: listing(),
    }
    return fake_api


@pytest.mark.parametrize(("ready", "code"), [("True", 0), ("False", 1), ("Unknown", 1)])
def test_the_exit_code_says_whether_all_are_ready(
    ready: str, code: int, api: FakeApi, internvl: Internvl
) -> None:
    api.objects[f"{GROUP}/namespaces/vision/internvldeployments"] = listing(captions(ready))
    assert internvl("status")[0] == code
    assert internvl("status", "captions", "-n", "vision")[0] == code


@pytest.mark.usefixtures("api")
def test_the_resources_of_all_namespaces_can_be_shown(internvl: Internvl) -> None:
    code, output, _ = internvl("status", "-A")
    assert code == 1
    assert [line.split()[0] for line in output.splitlines()[:3]] == ["NAMESPACE", "other", "vision"]


@pytest.mark.usefixtures("api")
def test_a_namespace_without_resources_is_said_to_have_none(internvl: Internvl) -> None:
    assert internvl("status", "-n", "empty") == (
        0,
        "",
        "internvl status: there are no InternVLDeployments in empty\n",
    )


@pytest.mark.usefixtures("api")
def test_a_resource_that_is_not_there_ends_with_2(internvl: Internvl) -> None:
    assert internvl("status", "pages") == (2, "", "internvl status: there is no pages in vision\n")


@pytest.mark.usefixtures("api")
def test_json_has_the_resources_and_the_gpus(internvl: Internvl) -> None:
    document = json.loads(internvl("status", "-o", "json")[1])
    (shown,) = document["resources"]
    assert (shown["namespace"], shown["name"], shown["ready"]) == ("vision", "captions", True)
    assert shown["seconds"] > 0
    (gpus,) = document["gpus"]
    assert gpus == {
        "product": "NVIDIA-A100-SXM4-80GB",
        "nodes": 1,
        "gpus": 8,
        "requested": 0,
        "freeOnOneNode": 8,
    }


@pytest.mark.parametrize("kind", ["nodes", "pods"])
def test_without_the_right_to_read_nodes_and_pods_the_gpus_are_left_out(
    kind: str, api: FakeApi, internvl: Internvl
) -> None:
    api.refusals |= {f"/{kind}": 403, "/deployments": 403}
    code, output, errors = internvl("status")
    assert (code, errors) == (0, "")
    assert "captions" in output
    assert "REQUESTED" not in output


def _planned_on(product: str, count: int) -> dict[str, Any]:
    """The resource, with a plan on other GPUs than those of the nodes."""
    body = captions()
    body["status"]["plan"] = {
        "outcome": "ok",
        "gpus": count,
        "product": product,
        "quantization": "None",
        "engine": "0.18.0",
        "sessionLen": 8192,
        "concurrentSessions": 1,
        "expectedStartSeconds": 60,
    }
    return body


def _operator(**variables: str) -> dict[str, Any]:
    container = {"env": [{"name": name, "value": value} for name, value in variables.items()]}
    volume = {"name": "platform-defaults", "configMap": {"name": "defaults"}}
    pod = {"containers": [container], "volumes": [volume]}
    return {"metadata": {"namespace": "system"}, "spec": {"template": {"spec": pod}}}


def test_a_fresh_plan_is_made_with_the_operators_default_gpu(api: FakeApi, internvl: Internvl) -> None:
    resources = f"{GROUP}/namespaces/vision/internvldeployments"
    api.objects |= {resources: listing(_planned_on("NVIDIA-H200", 1)), "/api/v1/nodes": listing()}
    assert "fresh plan" not in internvl("status")[1]
    api.objects[OPERATORS] = listing(_operator(INTERNVL_DEFAULT_GPU="A100-80GB"))
    assert "fresh plan: 2 x NVIDIA-A100-SXM4-80GB, full precision" in internvl("status")[1]
    api.objects[OPERATORS] = listing(_operator(INTERNVL_INVENTORY="NVIDIA-L40S=8"))
    assert "fresh plan: 4 x NVIDIA-L40S, full precision" in internvl("status")[1]


def test_an_operator_with_a_lease_is_known_by_its_deployment(api: FakeApi, internvl: Internvl) -> None:
    """The chart takes the namespace of the Lease from the pod, so that no value stands there."""
    resources = f"{GROUP}/namespaces/vision/internvldeployments"
    operator = _operator(INTERNVL_DEFAULT_GPU="A100-80GB", INTERNVL_LEASE_NAME="internvl-operator")
    own_namespace = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    variables = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    variables.append({"name": "INTERNVL_LEASE_NAMESPACE", "valueFrom": own_namespace})
    api.objects |= {
        resources: listing(_planned_on("NVIDIA-H200", 1)),
        "/api/v1/nodes": listing(),
        OPERATORS: listing(operator),
    }
    _, shown, errors = internvl("status")
    assert "fresh plan: 2 x NVIDIA-A100-SXM4-80GB, full precision" in shown
    assert errors == ""


def test_a_fresh_plan_is_for_the_nodes_on_which_the_pods_may_be_placed_and_the_gpus_are_those_of_all(
    api: FakeApi, internvl: Internvl
) -> None:
    taint = {"key": "dedicated", "value": "research", "effect": "NoSchedule"}
    planned = _planned_on("NVIDIA-H200", 1)
    api.objects |= {
        f"{GROUP}/namespaces/vision/internvldeployments": listing(planned),
        "/api/v1/nodes": listing(gpu_node("a", taints=[taint]), gpu_node("b", "NVIDIA-L40S", 46068)),
    }
    shown = internvl("status")[1]
    assert "fresh plan: 4 x NVIDIA-L40S, full precision" in shown
    assert {"NVIDIA-A100-SXM4-80GB", "NVIDIA-L40S"} <= {line.split(" ")[0] for line in shown.splitlines()}
    planned["spec"]["podTemplate"] = {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}
    assert "fresh plan: 2 x NVIDIA-A100-SXM4-80GB, full precision" in internvl("status")[1]


def test_a_fresh_plan_follows_the_installations_defaults(api: FakeApi, internvl: Internvl) -> None:
    planned = _planned_on("NVIDIA-A100-SXM4-80GB", 2)
    api.objects |= {
        f"{GROUP}/namespaces/vision/internvldeployments": listing(planned),
        OPERATORS: listing(_operator()),
    }
    defaults = "/api/v1/namespaces/system/configmaps/defaults"
    api.objects[defaults] = {"data": {"platform-defaults.yaml": "engine: {version: 0.18.0}"}}
    assert "fresh plan" not in internvl("status")[1]
    api.objects[defaults] = {"data": {"platform-defaults.yaml": "engine: {version: 0.12.3}"}}
    shown = internvl("status")[1]
    assert "fresh plan: 2 x NVIDIA-A100-SXM4-80GB, full precision, LMDeploy 0.12.3; what runs stays" in shown
    api.objects[defaults] = {"data": {"platform-defaults.yaml": "engines: {}"}}
    assert internvl("status")[0::2] == (
        2,
        "internvl status: ConfigMap system/defaults: engines: Extra inputs are not permitted\n",
    )


def test_outside_a_cluster_with_an_operator_the_environment_tells_the_default_gpu(
    api: FakeApi, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = f"{GROUP}/namespaces/vision/internvldeployments"
    api.objects |= {resources: listing(_planned_on("NVIDIA-H200", 1)), "/api/v1/nodes": listing()}
    monkeypatch.setenv("INTERNVL_DEFAULT_GPU", "A100-80GB")
    assert "fresh plan: 2 x NVIDIA-A100-SXM4-80GB" in internvl("status")[1]


def test_watching_shows_what_changes_and_outlives_an_api_server_that_is_away(
    api: FakeApi, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def show(_: Screen, text: str) -> None:
        shown.append(text)
        match len(shown):
            case 1:
                api.refusals["/internvldeployments"] = 503
            case 2:
                api.refusals.clear()
                api.objects[f"{GROUP}/namespaces/vision/internvldeployments"] = listing()
            case _:
                raise KeyboardInterrupt

    monkeypatch.setattr(Screen, "show", show)
    assert internvl("status", "--watch", "0.01")[0] == 130
    assert "captions" in shown[0]
    assert shown[1] == "No answer: refused"
    assert shown[2] == "No InternVLDeployments in vision."


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_given_back_with_what_was_seen_last() -> None:
    output = _Terminal()
    with Screen(output) as screen:
        screen.show("first\nof two lines")
        screen.show("second")
    text = output.getvalue()
    assert text.startswith("\x1b[?1049h")
    assert "\x1b[Hfirst\x1b[K\nof two lines\x1b[K\x1b[J" in text
    assert text.endswith("\x1b[?1049lsecond\n")


def test_what_is_no_terminal_gets_each_text_once() -> None:
    output = io.StringIO()
    with Screen(output) as screen:
        for text in ("first", "first", "second"):
            screen.show(text)
    assert output.getvalue() == "first\n\nsecond\n\n"
