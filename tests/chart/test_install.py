"""The chart on a real API server, by Helm: installed, upgraded and uninstalled, with the operator's own rights."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.crd_template import crd_template
from tests.chart.helm.installation import account_kubeconfig, helm, install, running_operator
from tests.chart.helm.tools import CHART, NAMESPACE, RELEASE, ROOT, SCENARIOS, ToolError, run
from tests.cluster.apiserver.kubectl import KubectlError
from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, condition, eventually, get, get_all, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

# Helm waits for what it installs, and the operator starts several times.
pytestmark = pytest.mark.timeout(400)

CRD = ROOT / "crds" / "internvl.dev_internvldeployments.yaml"
CRD_NAME = "internvldeployments.internvl.dev"
NEW_FIELD = "monitoring"
"""A field of the spec that the older chart's CRD does not have."""

USES_NEW_FIELD = json.dumps({"spec": {NEW_FIELD: {"podMonitor": "Disabled"}}})


def older_chart(directory: Path) -> Path:
    """Return a packaged chart as it may have been: an older version, whose CRD lacks a field of the spec."""
    chart = directory / CHART.name
    shutil.copytree(CHART, chart)
    description = yaml.safe_load((chart / "Chart.yaml").read_text())
    description |= {"version": "0.0.9", "appVersion": "0.0.9"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(description))
    crd = yaml.safe_load(CRD.read_text())
    del _spec_properties(crd)[NEW_FIELD]
    (chart / "templates" / "crd.yaml").write_text(crd_template(yaml.safe_dump(crd, sort_keys=False)))
    run("helm", "package", chart, "--destination", directory)
    return directory / f"{CHART.name}-0.0.9.tgz"


def _spec_properties(crd: dict[str, Any]) -> dict[str, Any]:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties: dict[str, Any] = schema["properties"]["spec"]["properties"]
    return properties


def pods(cluster: LocalCluster, namespace: str) -> dict[str, str]:
    """Return the pods of the models in a namespace, and when each was started."""
    return {pod["metadata"]["uid"]: pod["status"]["startTime"] for pod in get_all(cluster, "pods", namespace)}


@contextmanager
def installation(cluster: LocalCluster, *options: str) -> Iterator[None]:
    """The chart on the cluster, and nothing of it left afterwards."""
    install(cluster, CHART, *options)
    try:
        yield
    finally:
        uninstall(cluster)


def uninstall(cluster: LocalCluster) -> None:
    """Leave nothing of the chart on the cluster."""
    if get(cluster, "crd", CRD_NAME, "default"):
        cluster.kubectl("delete", "ivl", "--all", "--all-namespaces")
    helm(cluster, "uninstall", RELEASE, "--ignore-not-found")
    cluster.kubectl("delete", "crd", CRD_NAME, "--ignore-not-found")


@pytest.fixture(scope="module")
def installed(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster with the chart and its defaults, for the last tests of this module."""
    with installation(cluster):
        yield cluster


@pytest.fixture
def uninstalled(cluster: LocalCluster) -> Iterator[None]:
    """Nothing of the chart is left afterwards, whatever the test came to."""
    yield
    uninstall(cluster)


@pytest.mark.usefixtures("uninstalled")
def test_from_an_older_chart_to_this_one_and_away_no_model_is_disturbed(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    install(cluster, older_chart(tmp_path))
    assert NEW_FIELD not in _spec_properties(_crd(cluster))
    with running_operator(cluster):
        apply(cluster, resource("captions", "default"))
        wait_ready(cluster, "captions", "default", 120)
    before = pods(cluster, "default")

    # Upgraded: the CRD is this chart's, and the operator of this chart takes over.
    install(cluster, CHART)
    assert NEW_FIELD in _spec_properties(_crd(cluster))
    with running_operator(cluster):
        cluster.kubectl("patch", "ivl", "captions", "--type=merge", "--patch", USES_NEW_FIELD)
        wait_ready(cluster, "captions", "default", 120)
        assert pods(cluster, "default") == before

    # Uninstalled: what was installed is gone, but for the CRD, the resources and what they own.
    helm(cluster, "uninstall", RELEASE, "--wait", "--timeout", "120s")
    assert get(cluster, "deployment", RELEASE, NAMESPACE) is None
    assert get(cluster, "clusterrole", RELEASE, "default") is None
    assert get(cluster, "ivl", "captions", "default") is not None
    assert pods(cluster, "default") == before

    # Installed again: Helm takes the CRD that it kept, and the operator finds everything as it should be.
    install(cluster, CHART)
    with running_operator(cluster):
        wait_ready(cluster, "captions", "default", 120)
        assert pods(cluster, "default") == before
        cluster.kubectl("delete", "ivl", "captions", "--wait")


@pytest.mark.usefixtures("uninstalled")
def test_without_keep_the_crd_goes_with_the_chart(cluster: LocalCluster) -> None:
    install(cluster, CHART, "--set", "crds.keep=false")
    helm(cluster, "uninstall", RELEASE, "--wait", "--timeout", "120s")
    eventually(lambda: get(cluster, "crd", CRD_NAME, "default") is None, "the CRD is gone")


def test_standbys_share_a_lease_with_the_rights_of_the_chart(cluster: LocalCluster) -> None:
    with installation(cluster, "--set", "replicaCount=2"):
        with running_operator(cluster, "one"), running_operator(cluster, "other"):
            apply(cluster, resource("led", "default"))
            wait_ready(cluster, "led", "default", 120)
        assert get(cluster, "lease", RELEASE, NAMESPACE) is not None


def test_in_namespaced_mode_the_operator_serves_its_namespaces_and_reaches_no_other(
    cluster: LocalCluster,
) -> None:
    for namespace in ("vision", "captions"):
        apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    watched = ("--set", "watchNamespaces={vision,captions}", "--set", "rbac.nodes=false")
    with installation(cluster, *watched, "--set", "gpu.inventory.NVIDIA-A100-SXM4-80GB=8"):
        account = f"--as=system:serviceaccount:{NAMESPACE}:{RELEASE}"
        with running_operator(cluster):
            for namespace in ("vision", "captions", "default"):
                apply(cluster, resource("seen", namespace))
            for namespace in ("vision", "captions"):
                wait_ready(cluster, "seen", namespace, 120)
        assert "conditions" not in (get(cluster, "ivl", "seen", "default") or {})["status"]
        for what in (
            ("list", "nodes"),
            ("list", "ivl", "--all-namespaces"),
            ("list", "ivl", "--namespace=default"),
        ):
            with pytest.raises(KubectlError):
                cluster.kubectl("auth", "can-i", *what, account)


def test_the_service_account_has_no_right_on_secrets_and_no_wildcard(installed: LocalCluster) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
    listed = installed.kubectl("auth", "can-i", "--list", f"--as={account}", f"--namespace={NAMESPACE}")
    rows = [line.split() for line in listed.splitlines()[1:] if not line.startswith(" ")]
    assert "internvldeployments.internvl.dev" in {row[0] for row in rows}
    assert "secrets" not in listed
    # The verb, and the resource; the paths that every user may get for discovery stand in the column between.
    assert not [
        row for row in rows if "*" in row[0] or "[*]" in row[-1] or "*" in row[-1].strip("[]").split()
    ]
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
        with pytest.raises(KubectlError):
            installed.kubectl("auth", "can-i", verb, "secrets", "--all-namespaces", f"--as={account}")


def test_a_token_of_the_service_account_is_what_the_operator_works_with(installed: LocalCluster) -> None:
    config = str(account_kubeconfig(installed))
    told = installed.kubectl("auth", "whoami", "--output=yaml", f"--kubeconfig={config}")
    assert f"system:serviceaccount:{NAMESPACE}:{RELEASE}" in told


def test_the_lease_can_be_given_up_and_taken_again(installed: LocalCluster) -> None:
    for enabled, strategy in (("false", "Recreate"), ("true", "RollingUpdate")):
        install(installed, CHART, "--set", f"leaderElection.enabled={enabled}")
        found = get(installed, "deployment", RELEASE, NAMESPACE)
        assert found is not None
        assert found["spec"]["strategy"]["type"] == strategy


def test_kubectl_wait_and_helm_wait_until_a_model_is_ready(installed: LocalCluster, tmp_path: Path) -> None:
    with running_operator(installed):
        apply(installed, resource("waited", "default"))
        installed.kubectl("wait", "--for=condition=Ready", "ivl/waited", "--timeout=120s")
        model = chart_of(tmp_path / "model", resource("model", NAMESPACE))
        helm(installed, "install", "model", model, "--wait", "--timeout", "120s")
        found = get(installed, "ivl", "model", NAMESPACE)
        assert condition(found, "Ready")["status"] == "True"
    helm(installed, "uninstall", "model")


def test_helm_does_not_wait_for_a_model_that_needs_a_person(installed: LocalCluster, tmp_path: Path) -> None:
    too_big = resource("too-big", NAMESPACE, size="76B", gpu={"maxCount": 1}, quantization="None")
    chart = chart_of(tmp_path, too_big)
    with running_operator(installed), pytest.raises(ToolError, match=r"too-big.*(?i:failed)"):
        helm(installed, "install", "too-big", chart, "--wait", "--timeout", "600s")
    found = get(installed, "ivl", "too-big", NAMESPACE)
    assert condition(found, "Stalled")["status"] == "True"
    helm(installed, "uninstall", "too-big")


def test_the_api_server_accepts_every_scenario(installed: LocalCluster) -> None:
    for scenario in SCENARIOS:
        if "monitoring" not in scenario.name:  # kubeconform knows those kinds
            for namespace in ("vision", "captions"):
                apply(installed, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            helm(installed, "upgrade", RELEASE, CHART, "--values", scenario, "--dry-run=server")


def chart_of(directory: Path, *manifests: dict[str, Any]) -> Path:
    """Return a chart that holds some objects."""
    (directory / "templates").mkdir(parents=True)
    (directory / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "model", "version": "1.0.0"})
    )
    (directory / "templates" / "objects.yaml").write_text(yaml.safe_dump_all(manifests))
    return directory


def _crd(cluster: LocalCluster) -> dict[str, Any]:
    crd = get(cluster, "crd", CRD_NAME, "default")
    assert crd is not None
    return crd
