"""Argo CD installs the operator's chart and a model from Git, and what it removes leaves the model served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from tests.argocd.sync.applications import CLIENT_SIDE, MODELS, OPERATOR, Example
from tests.argocd.sync.installation import NAMESPACE as ARGOCD
from tests.argocd.sync.installation import Installation
from tests.argocd.sync.repository import Repository
from tests.cluster.waiting import condition, eventually
from tests.e2e.cluster.argocd_host import ArgocdHost
from tests.e2e.cluster.images import CHART
from tests.e2e.cluster.kind_cluster import uids
from tests.e2e.cluster.operator_release import CRD, OperatorRelease
from tests.e2e.cluster.workloads import PORT, Client, model, namespace_with_models, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.e2e.cluster.kind_cluster import KindCluster

SECONDS = 120.0
# An Application and the namespace that it deploys to have one name.
CHART_APPLICATION = Example("internvl-operator", OPERATOR, CLIENT_SIDE)
MODELS_APPLICATION = Example("published", MODELS, CLIENT_SIDE)


@pytest.fixture(scope="module")
def repository(cluster: KindCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository with the chart and a model, in a cluster with Argo CD and without the operator."""
    OperatorRelease(cluster).uninstall()
    host = ArgocdHost(cluster, tmp_path_factory.mktemp("argocd"))
    try:
        Installation(cast("LocalCluster", host))
        repository = Repository(tmp_path_factory.mktemp("repository"))
        repository.add(CHART, str(CHART.relative_to(CHART.parents[1])))
        published = tmp_path_factory.mktemp("models") / "models"
        published.mkdir()
        objects = [
            *namespace_with_models(MODELS_APPLICATION.name),
            model("captions", MODELS_APPLICATION.name),
        ]
        (published / "captions.yaml").write_text(yaml.safe_dump_all(objects))
        repository.add(published, str(Path("examples/argocd/models")))
        yield repository
    finally:
        host.stop()


def deploy(cluster: KindCluster, example: Example, repository: Repository) -> None:
    """Apply an Application, and wait until Argo CD shows it in sync and healthy."""
    cluster.apply(example.manifest(repository.url))
    seen: dict[str, Any] = {}

    def arrived() -> bool:
        seen.update((cluster.get("application", example.name, ARGOCD) or {}).get("status", {}))
        shown = (seen.get("sync", {}).get("status"), seen.get("health", {}).get("status"))
        return shown == ("Synced", "Healthy")

    eventually(arrived, lambda: f"{example.name} Synced and Healthy; it is {seen}", SECONDS)


def test_argo_cd_installs_the_chart_and_a_model_and_leaves_the_model_served(
    cluster: KindCluster, repository: Repository
) -> None:
    deploy(cluster, CHART_APPLICATION, repository)
    (operator,) = OperatorRelease(cluster, namespace=CHART_APPLICATION.name).pods()
    assert condition(operator, "Ready")["status"] == "True"

    deploy(cluster, MODELS_APPLICATION, repository)
    namespace = MODELS_APPLICATION.name
    served = uids(cluster.pods(namespace, "internvl.dev/name=captions"))
    assert len(served) == 1

    cluster.kubectl("delete", "application", CHART_APPLICATION.name, "-n", ARGOCD, "--timeout=120s")
    assert cluster.get("deployment", CHART_APPLICATION.name, CHART_APPLICATION.name) is None
    assert cluster.get("crd", CRD, "default") is not None
    assert uids(cluster.pods(namespace, "internvl.dev/name=captions")) == served
    cluster.apply(pod("client", namespace))
    client = Client(cluster, namespace)
    client.wait()
    client.wait_serving("captions")
    assert client.ask(f"captions:{PORT}")["problem"] == ""
