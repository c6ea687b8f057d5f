"""Whether a cluster is fit for models: each part with what it lacks and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator import __version__
from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.cli.check.cluster_facts import ClusterFacts
from internvl_operator.cli.check.fitness import Verdict, checked_parts
from tests.cluster.nodes.platforms import PLATFORMS, Platform, platform_node
from tests.cluster.simulated_nodes import gpu_node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Internvl
    from tests.fake_api import FakeApi

OPERATOR = {
    "metadata": {
        "name": "internvl-operator",
        "namespace": "internvl-system",
        "labels": {"app.kubernetes.io/version": "0.1.0"},
    },
    "spec": {"replicas": 1},
    "status": {"readyReplicas": 1},
}
CLASS = {"metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}
FIT: dict[str, Any] = {
    "kubernetes": "v1.37.2",
    "has_kind": True,
    "crd": custom_resource_definition(),
    "operators": [OPERATOR],
    "may_create": True,
    "namespace": "vision",
    "nodes": [gpu_node("a100-1")],
    "storage_classes": [CLASS],
    "has_pod_monitors": True,
    "has_pod_metrics": True,
}


def found(**changes: Any) -> dict[str, tuple[Verdict, str]]:
    """What is said of each part that is not well; of several of one part, the last."""
    facts = ClusterFacts(**(FIT | changes))
    return {
        each.part: (each.verdict, each.says) for each in checked_parts(facts) if each.verdict != Verdict.OK
    }


def test_a_fit_cluster_lacks_nothing() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("changes", "part", "verdict", "says"),
    [
        ({"kubernetes": "v1.29.4"}, "kubernetes", Verdict.FAILS, "1.30 or later is needed"),
        ({"has_kind": False}, "crd", Verdict.FAILS, "install the chart"),
        (
            {"crd": {"spec": {"versions": [{"schema": {}}]}}},
            "crd",
            Verdict.LACKING,
            "another release than this command's",
        ),
        ({"operators": []}, "operator", Verdict.FAILS, "install the chart"),
        ({"operators": None}, "operator", Verdict.UNKNOWN, "may not be listed"),
        (
            {"operators": [{**OPERATOR, "status": {}}]},
            "operator",
            Verdict.FAILS,
            "0 of 1 replicas are ready: kubectl describe deployment internvl-operator -n internvl-system",
        ),
        (
            {"may_create": False},
            "your rights",
            Verdict.LACKING,
            "you may not create InternVLDeployments in vision",
        ),
        ({"nodes": None}, "gpus", Verdict.UNKNOWN, "may not be listed"),
        ({"nodes": []}, "gpus", Verdict.FAILS, "set spec.gpu.product or spec.gpu.memory"),
        (
            {"nodes": [platform_node("bare", PLATFORMS["gpu-operator"], offers=False)]},
            "gpus",
            Verdict.FAILS,
            "does NVIDIA's device plugin run there?",
        ),
        (
            {"nodes": [platform_node("bare", Platform({}, {}, ()))]},
            "gpus",
            Verdict.FAILS,
            "no label that names the GPUs",
        ),
        (
            {"nodes": [gpu_node("a"), platform_node("aks", PLATFORMS["aks"])]},
            "gpus",
            Verdict.LACKING,
            "taint sku=gpu:NoSchedule is not tolerated",
        ),
        ({"storage_classes": []}, "storage", Verdict.LACKING, "there are: none"),
        ({"has_pod_monitors": False}, "monitoring", Verdict.LACKING, "prometheus-operator scrapes no model"),
        ({"has_pod_metrics": False}, "autoscaling", Verdict.LACKING, "install prometheus-adapter"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    changes: dict[str, Any], part: str, verdict: Verdict, says: str
) -> None:
    what = found(**changes)[part]
    assert what[0] == verdict
    assert says in what[1]


def serve(api: FakeApi) -> None:
    groups = ["apps", "internvl.dev", "monitoring.coreos.com"]
    api.objects |= {
        "/version": {"gitVersion": "v1.37.2"},
        "/apis": {"groups": [{"name": name} for name in groups]},
        "/apis/internvl.dev/v1alpha1": {"resources": [{"name": "internvldeployments"}]},
        "/apis/apps/v1/deployments": {"items": [OPERATOR]},
        "/api/v1/nodes": {"items": [gpu_node("a100-1")]},
        "/apis/storage.k8s.io/v1/storageclasses": {"items": [CLASS]},
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"status": {"allowed": True}},
    }


def test_a_cluster_is_checked_with_what_may_be_read(fake_api: FakeApi, internvl: Internvl) -> None:
    serve(fake_api)
    fake_api.refusals = {"/nodes": 403}
    code, output, errors = internvl("check", "-o", "json")
    assert (code, errors) == (0, "")
    assert {each["part"]: each["verdict"] for each in json.loads(output)} == {
        "kubernetes": "ok",
        "crd": "ok",
        "operator": "ok",
        "your rights": "ok",
        "gpus": "unknown",
        "storage": "ok",
        "monitoring": "ok",
        "autoscaling": "lacking",
    }


def test_a_cluster_on_which_no_model_runs_ends_with_1(fake_api: FakeApi, internvl: Internvl) -> None:
    serve(fake_api)
    fake_api.objects["/api/v1/nodes"] = {"items": []}
    code, output, _ = internvl("check")
    assert code == 1
    assert "fails" in output


def test_the_versions_of_both_sides_are_told(fake_api: FakeApi, internvl: Internvl) -> None:
    serve(fake_api)
    code, output, _ = internvl("version", "-o", "json")
    assert (code, json.loads(output)) == (
        0,
        {
            "client": __version__,
            "lmdeploy": "0.18.0",
            "operator": "0.1.0 in internvl-system",
            "kubernetes": "v1.37.2",
        },
    )


def test_the_own_version_needs_no_cluster(internvl: Internvl) -> None:
    code, output, _ = internvl("version", "--client", "-o", "json")
    assert (code, json.loads(output)["client"]) == (0, __version__)


def test_a_kubeconfig_and_another_user_are_named_as_for_kubectl(
    fake_api: FakeApi, tmp_path: Path, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(fake_api)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    file = str(fake_api.kubeconfig(tmp_path / "other"))
    code, output, _ = internvl(
        "check", "--kubeconfig", file, "--as", "alice", "--as-group", "vision", "--as-group", "b"
    )
    assert code == 0
    assert set(fake_api.acted_as) == {("alice", "vision", "b")}
    assert "in vision" in output, "the namespace of that kubeconfig's context"


def test_a_group_without_a_user_is_refused(fake_api: FakeApi, internvl: Internvl) -> None:
    serve(fake_api)
    code, _, errors = internvl("check", "--as-group", "vision")
    assert (code, errors) == (
        2,
        "internvl check: --as-group needs --as: Kubernetes takes groups of a named user alone\n",
    )
