"""The chart, installed by Helm as its README says: with default values, with each scenario of its ci/, and removed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator.api.crd import custom_resource_definition
from tests.cluster.programs.published_crds import POD_MONITOR, PROMETHEUS_RULE, obtain
from tests.cluster.waiting import condition
from tests.e2e.cluster.images import CHART, OPERATOR, REPOSITORY, TAG
from tests.e2e.cluster.kind_cluster import KindCluster, restarts
from tests.e2e.cluster.operator_release import CRD, OperatorRelease
from tests.e2e.cluster.workloads import model, namespace_with_models, remove_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCENARIOS = sorted((CHART / "ci").glob("*-values.yaml"))
# Of OpenShift's range: no image knows it.
RANDOM_USER = 1000680000


@pytest.fixture(scope="module")
def scenarios(cluster: KindCluster) -> Iterator[dict[str, Future[OperatorRelease]]]:
    """A release of each scenario, all at once and each in a namespace of its own, beside one that has the CRD.

    One of them limits what models may be: no test of a model may come between.
    """
    OperatorRelease(cluster).install()
    cluster.kubectl("apply", "--server-side", *_files(obtain(POD_MONITOR), obtain(PROMETHEUS_RULE)))
    for namespace in ("vision", "captions"):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        installed = {file.stem: pool.submit(_install_scenario, cluster, file) for file in SCENARIOS}
        yield installed
        for release in pool.map(Future.result, installed.values()):
            release.uninstall()
    cluster.kubectl("delete", *_files(obtain(POD_MONITOR), obtain(PROMETHEUS_RULE)))


def _files(*files: Path) -> list[str]:
    return [f"--filename={file}" for file in files]


def _install_scenario(cluster: KindCluster, values: Path) -> OperatorRelease:
    """Install one; the CRD belongs to another release, and the image is this checkout's, whatever it names."""
    name = values.stem.removesuffix("-values")
    release = OperatorRelease(cluster, f"{name}-internvl-operator", name)
    image = f"image.repository={REPOSITORY},image.tag={TAG},image.digest="
    release.install("--values", values, "--set", f"crds.enabled=false,{image}")
    return release


def test_the_chart_installs_with_default_values(cluster: KindCluster, operator: OperatorRelease) -> None:
    (pod,) = operator.pods()
    (container,) = pod["spec"]["containers"]
    assert container["image"] == OPERATOR
    assert condition(pod, "Ready")["status"] == "True"
    assert restarts([pod]) == 0
    assert operator.crd()["spec"]["versions"][0]["schema"] == _schema()
    assert cluster.helm("list", "--namespace", operator.namespace, "--deployed", "--short").split() == [
        operator.name
    ]


def _schema() -> Any:
    return custom_resource_definition()["spec"]["versions"][0]["schema"]


def test_helm_test_passes(operator: OperatorRelease) -> None:
    assert "Phase:          Succeeded" in operator.test()


def test_the_operator_runs_under_a_user_that_no_image_knows(cluster: KindCluster) -> None:
    """As OpenShift runs it, with the strictest settings beside; `securityContext` has these by default."""
    release = OperatorRelease(cluster)
    release.install(podSecurityContext={"runAsUser": RANDOM_USER, "runAsGroup": 0, "fsGroup": RANDOM_USER})
    (pod,) = release.pods()
    script = "import os; print(os.getuid(), os.environ.get('USER'))"
    told = cluster.kubectl(
        "exec", pod["metadata"]["name"], "-n", release.namespace, "--", "python", "-c", script
    )
    assert told.split() == [str(RANDOM_USER), "None"]
    security = pod["spec"]["containers"][0]["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert restarts([pod]) == 0


def test_the_size_the_start_and_the_memory_of_the_operator(
    cluster: KindCluster, measured: Callable[[str, str], None]
) -> None:
    release = OperatorRelease(cluster)
    release.install()
    (pod,) = release.pods()
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    seconds = datetime.fromisoformat(condition(pod, "Ready")["lastTransitionTime"]) - datetime.fromisoformat(
        started
    )
    size = int(cluster.shell.run("docker", "image", "inspect", "--format", "{{.Size}}", OPERATOR))
    memory = _resident_memory(release, pod["metadata"]["name"])
    measured("operator image", f"{size / 1e6:.0f} MB")
    measured("operator, container started to pod ready", f"{seconds.total_seconds():.0f} s")
    measured("operator pod at rest, resident memory", f"{memory / 2**20:.0f} MiB")
    assert seconds.total_seconds() <= 30
    assert memory < 256 * 2**20


def _resident_memory(release: OperatorRelease, pod: str) -> int:
    """Bytes of the operator's process, the only one of its pod."""
    script = "print(next(line.split()[1] for line in open('/proc/1/status') if line.startswith('VmRSS')))"
    command = ("exec", pod, "-n", release.namespace, "--", "python", "-c", script)
    return int(release.cluster.kubectl(*command)) * 1024


def test_the_crd_the_models_and_their_pods_outlive_the_release(cluster: KindCluster) -> None:
    release = OperatorRelease(cluster)
    release.install()
    cluster.apply(*namespace_with_models("kept"), model("captions", "kept"))
    cluster.wait_ready("captions", "kept")
    before = cluster.pods("kept")

    release.uninstall()
    assert cluster.get("crd", CRD, "default") is not None
    assert cluster.get("ivl", "captions", "kept") is not None
    assert cluster.pods("kept") == before

    release.install()
    cluster.kubectl("scale", "ivl/captions", "-n", "kept", "--replicas=2")
    cluster.wait_ready("captions", "kept")
    assert {pod["metadata"]["uid"] for pod in before} < {
        pod["metadata"]["uid"] for pod in cluster.pods("kept")
    }
    remove_namespace(cluster, "kept")


@pytest.mark.parametrize("scenario", [file.stem for file in SCENARIOS])
def test_a_scenario_of_the_chart_installs_and_passes_helm_test(
    scenario: str, scenarios: dict[str, Future[OperatorRelease]]
) -> None:
    release = scenarios[scenario].result()
    values = yaml.safe_load((CHART / "ci" / f"{scenario}.yaml").read_text())
    assert len(release.pods()) == values.get("replicaCount", 1)
    assert "Phase:          Succeeded" in release.test()
