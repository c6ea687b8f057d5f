"""install.yaml on a real API server: applied as a person would, and the operator at work with its rights."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
import yaml

from internvl_operator import __version__
from release.chart import NAMESPACE, install_manifest, package_chart
from tests.chart.helm.installation import running_operator
from tests.chart.helm.tools import CHART, RELEASE, of_kind, rendered
from tests.cluster.control_plane import LocalCluster
from tests.cluster.operators.operator_process import resource
from tests.cluster.programs.binaries import locate
from tests.cluster.simulated_nodes import add_nodes, gpu_node
from tests.cluster.waiting import apply, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that people without Helm apply."""
    output = tmp_path_factory.mktemp("release")
    helm = locate(["helm"])["helm"]
    chart = package_chart(helm, CHART, __version__, output, epoch=0)
    path = output / "install.yaml"
    path.write_text(install_manifest(helm, chart, __version__))
    return path


@pytest.fixture(scope="module")
def cluster(manifest: Path) -> Iterator[LocalCluster]:
    """A control plane with one node, on which the manifest has been applied twice, as an upgrade does."""
    with LocalCluster() as cluster:
        add_nodes(cluster, [gpu_node("a100-1")])
        for _ in range(2):
            cluster.kubectl("apply", "--server-side", "--filename", str(manifest))
        yield cluster


def test_a_second_apply_changes_nothing(cluster: LocalCluster, manifest: Path) -> None:
    def versions() -> dict[str, str]:
        return {
            f"{item['kind']} {item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for item in yaml.safe_load(
                cluster.kubectl("get", "--filename", str(manifest), "--output", "yaml")
            )["items"]
            if item["kind"] != "Deployment"  # its status changes by itself
        }

    before = versions()
    cluster.kubectl("apply", "--server-side", "--filename", str(manifest))
    assert versions() == before


def test_the_operator_works_with_what_the_manifest_installs(cluster: LocalCluster) -> None:
    with running_operator(cluster):
        apply(cluster, resource("captions", "default"))
        wait_ready(cluster, "captions", "default", 120)
    assert get(cluster, "lease", RELEASE, NAMESPACE) is not None


def test_the_api_server_grants_the_rights_of_the_chart_and_no_secret(cluster: LocalCluster) -> None:
    (role,) = (item for item in of_kind(rendered(), "ClusterRole") if item["metadata"]["name"] == RELEASE)
    for rule in role["rules"]:
        for verb, name, group in product(rule["verbs"], rule["resources"], rule["apiGroups"]):
            assert is_granted(cluster, verb, name, group), f"{verb} {name}"
    for forbidden in ("secrets", "configmaps", "pods/exec"):
        assert not is_granted(cluster, "get", forbidden, "")


def is_granted(cluster: LocalCluster, verb: str, name: str, group: str) -> bool:
    """Whether the operator's ServiceAccount may do something in every namespace, also with kinds not installed."""
    plural, _, subresource = name.partition("/")
    asked = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": asked},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(cluster.api.request("POST", path, review).granted()["status"]["allowed"])


def test_the_uninstall_of_the_guide_leaves_the_crd_and_the_models(cluster: LocalCluster) -> None:
    apply(cluster, resource("kept", "default"))
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    roles = "clusterroles,clusterrolebindings"
    cluster.kubectl("delete", roles, "--selector", f"app.kubernetes.io/instance={RELEASE}")
    eventually(lambda: get(cluster, "deployment", RELEASE, NAMESPACE) is None, "the operator is gone")
    assert get(cluster, "clusterrole", RELEASE, "default") is None
    assert get(cluster, "ivl", "kept", "default") is not None
