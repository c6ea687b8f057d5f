"""The ValidatingAdmissionPolicy on a real API server: each limit refuses what is beyond it, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.chart.helm.tools import CHART, of_kind, rendered
from tests.cluster.apiserver.api import Api
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = CHART / "ci" / "admission-policy-values.yaml"
CRD = CHART.parents[1] / "crds" / "internvl.dev_internvldeployments.yaml"
LIMITED, FREE = "limited", "platform"
PATH = "/apis/internvl.dev/v1alpha1/namespaces/{}/internvldeployments"
WITHIN: dict[str, Any] = {"size": "8B", "gpu": {"maxCount": 2}}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An API server with the policy of the scenario in force."""
    with LocalCluster(components=()) as cluster:
        install_crds(cluster, CRD)
        for namespace in (LIMITED, FREE):
            cluster.kubectl("create", "namespace", namespace)
        objects = rendered(SCENARIO)
        apply(cluster, *of_kind(objects, "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"))
        api = Api(cluster.kubeconfig())
        eventually(
            lambda: "spec.size must be one of" in refusal(api, {**WITHIN, "size": "76B"}),
            "the policy is in force",
        )
        yield api


def refusal(api: Api, spec: dict[str, Any], namespace: str = LIMITED) -> str:
    """Return why a resource is refused; empty when it is accepted."""
    body = resource("captions", namespace, **spec)
    return api.request("POST", PATH.format(namespace), body, dryRun="All").message


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("size", "76B", "spec.size must be one of 1B, 2B, 8B here"),
        ("gpu", {}, "at most 2 GPUs for one replica here: write spec.gpu.maxCount: 2 or less"),
        ("gpu", {"maxCount": 3}, "at most 2 GPUs"),
        ("replicas", 5, "spec.replicas and spec.autoscaling.maxReplicas are at most 4 here"),
        ("autoscaling", {"maxReplicas": 5}, "spec.autoscaling.maxReplicas are at most 4 here"),
        ("engine", {"image": "docker.io/other/lmdeploy:1"}, "must be of registry.example.com/ or"),
        ("engine", {"image": "registry.example.com.evil.example/lmdeploy:1"}, "must be of"),
        ("model", {"source": {"image": {"reference": "ghcr.io/someone/model:1"}}}, "must be of"),
        ("engine", {"image": "openmmlab/lmdeploy-evil:1"}, "must be of"),
        ("engine", {"image": "openmmlab/lmdeploy/evil:1"}, "must be of"),
        ("engine", {"image": "openmmlab/lmdeploy:5000/evil"}, "must be of"),
        ("engine", {"extraArgs": ["--log-level", "DEBUG"]}, "spec.engine.extraArgs must be empty here"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_what_to_write(
    api: Api, field: str, value: Any, complaint: str
) -> None:
    assert complaint in refusal(api, {**WITHIN, field: value})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"replicas": 4},
        {"autoscaling": {"maxReplicas": 4}},
        {"engine": {"image": "registry.example.com/lmdeploy:1", "tp": 2}},
        {"model": {"source": {"image": {"reference": "registry.example.com/model:1"}}}},
        {"engine": {"image": "openmmlab/lmdeploy:v0.18.0-cu12"}},
        {"engine": {"image": "openmmlab/lmdeploy@sha256:" + "0" * 64}},
        {"engine": {"extraArgs": []}},
    ],
)
def test_what_is_within_the_limits_is_accepted(api: Api, more: dict[str, Any]) -> None:
    assert refusal(api, {**WITHIN, **more}) == ""


def test_a_namespace_that_is_not_selected_is_not_limited(api: Api) -> None:
    assert refusal(api, {"size": "76B", "replicas": 100}, FREE) == ""


def test_the_limit_holds_for_who_scales(api: Api) -> None:
    path, name = PATH.format(LIMITED), f"scaled-{uuid4().hex[:8]}"
    assert api.request("POST", path, resource(name, LIMITED, **WITHIN)).accepted
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name, "namespace": LIMITED},
    }
    refused = api.request("PUT", f"{path}/{name}/scale", {**scale, "spec": {"replicas": 5}})
    assert "are at most 4 here" in refused.message
    assert api.request("PUT", f"{path}/{name}/scale", {**scale, "spec": {"replicas": 3}}).accepted
