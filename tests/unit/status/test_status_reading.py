"""What `internvl status` reads of a cluster in which others write too: each spoils its own row at most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from internvl_operator.__main__ import main
from internvl_operator.api.parsing import parse
from internvl_operator.cli.status import status_command
from internvl_operator.kube.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, NODE, POD, RESOURCE
from internvl_operator.kube.port import Kind
from internvl_operator.library import plan_resource
from internvl_operator.planner.document import plan_document
from tests.cluster.simulated_nodes import gpu_node
from tests.fake_api import FakeApi

LABELS = {"app.kubernetes.io/part-of": "internvl-operator", "app.kubernetes.io/component": "controller"}


def listed(*items: Any) -> str:
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return f'{{"metadata":{{"resourceVersion":"9"}},"items":[{",".join(texts)}]}}'


def path(kind: Kind) -> str:
    return f"{kind.root}/{kind.plural}"


def resource(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "vision", "uid": name, "generation": 1, "resourceVersion": "1"}
    return {
        "apiVersion": RESOURCE.api_version,
        "kind": RESOURCE.kind,
        "metadata": metadata,
        "spec": {"size": "8B", "gpu": {"product": "NVIDIA-L4"}, **spec},
    }


def operator(*environment: dict[str, Any], **pod: Any) -> dict[str, Any]:
    containers = [{"name": "operator", "env": list(environment)}]
    return {
        "metadata": {"name": "operator", "namespace": "theirs", "labels": LABELS},
        "spec": {"template": {"spec": {"containers": containers, **pod}}},
    }


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with FakeApi({path(kind): listed() for kind in (RESOURCE, NODE, POD, DEPLOYMENT)}) as api:
        kubeconfig = str(api.kubeconfig(tmp_path / "kubeconfig"))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
        yield api


def rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["status", "-A", "-o", "json"]) in (0, 1)
    return [row["name"] for row in json.loads(capsys.readouterr().out)["resources"]]


@pytest.mark.parametrize(
    "deployment",
    [
        operator({"name": "INTERNVL_WORKERS", "value": "many"}),
        operator({"name": "INTERNVL_HTTP_PORT", "value": "-1"}),
        operator({"name": "INTERNVL_WORKERS"}, volumes=[{"name": "platform-defaults"}]),
        operator(volumes=[{"name": "platform-defaults", "configMap": None}]),
    ],
    ids=["no number", "no port", "no ConfigMap", "null"],
)
def test_a_strangers_deployment_with_the_operators_labels_spoils_nothing(
    api: FakeApi, capsys: pytest.CaptureFixture[str], deployment: dict[str, Any]
) -> None:
    api.objects[path(RESOURCE)] = listed(resource("a"))
    api.objects[path(DEPLOYMENT)] = listed(deployment)
    assert rows(capsys) == ["a"]


@pytest.mark.parametrize("depth", [200, 300, 1100, 9000])
def test_a_resource_that_is_nested_too_deep_spoils_no_other_row(
    api: FakeApi, capsys: pytest.CaptureFixture[str], depth: int
) -> None:
    nested = json.dumps(resource("deep", podTemplate={"affinity": "HERE"}))
    nested = nested.replace('"HERE"', '{"a":' * depth + "{}" + "}" * depth)
    api.objects[path(RESOURCE)] = listed(resource("a"), nested, resource("z"))
    assert rows(capsys) == ["a", "deep", "z"]


@pytest.mark.parametrize("output", ["table", "json"])
def test_no_text_of_others_acts_on_the_terminal(
    api: FakeApi, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    stalled = resource("a")
    time = {"lastTransitionTime": "2026-01-01T00:00:00Z", "status": "True", "reason": "InvalidPodTemplate"}
    message = "the API server refuses \x1b[2J\x9b31m\u202ethis"
    types = [{"type": "Stalled", "message": message, **time}, {"type": "Ready", "message": message, **time}]
    types[1]["status"] = "False"
    stalled["status"] = {"observedGeneration": 1, "conditions": types}
    api.objects[path(RESOURCE)] = listed(stalled)

    main(["status", "-A", "-o", output])

    shown = capsys.readouterr().out
    assert "\\u001b[2J\\u009b31m\\u202ethis" in shown
    assert not set("\x1b\x9b\u202e") & set(shown)


@pytest.mark.parametrize(
    ("reason", "most", "says"),
    [
        ("ValidMetricFound", 2, []),
        (
            "FailedGetPodsMetric",
            2,
            ["act: the autoscaler does not scale, FailedGetPodsMetric: unable to get metric"],
        ),
        ("ScalingDisabled", 2, []),
        ("ValidMetricFound", 9, ["the autoscaler may ask for 9 replicas of 1 GPUs, and the nodes have 8"]),
    ],
)
def test_replicas_that_are_not_scaled_are_told_below_a_resource_that_is_ready(
    reason: str, most: int, says: list[str], api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    body = resource("captions", autoscaling={"maxReplicas": most}, gpu={"product": "NVIDIA-A100-SXM4-80GB"})
    plan = plan_document(plan_resource(parse(body)))
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"observedGeneration": 1, "conditions": [ready], "plan": plan}
    scaling = {
        "type": "ScalingActive",
        "status": str(reason == "ValidMetricFound"),
        "reason": reason,
        "message": "unable to get metric",
    }
    autoscaler = {
        "metadata": {"name": "captions", "namespace": "vision"},
        "spec": {"maxReplicas": most},
        "status": {"conditions": [scaling]},
    }
    api.objects |= {
        path(RESOURCE): listed({**body, "status": status}),
        path(NODE): listed(gpu_node("a100-1")),
        path(HORIZONTAL_POD_AUTOSCALER): listed(autoscaler),
    }
    assert status_command.main(["-A"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if "autoscaler" in line] == says
