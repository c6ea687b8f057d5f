"""The chart as files: what it renders, what it refuses, and what it is generated from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.crd_template import crd_template
from tests.chart.helm.tools import CHART, ROOT, SCENARIOS, ToolError, of_kind, rendered, run
from tests.cluster.access import OPERATOR
from tests.cluster.operators.rights import chart_rules

if TYPE_CHECKING:
    from pathlib import Path

CRD = ROOT / "crds" / "internvl.dev_internvldeployments.yaml"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

# Maps whose keys are the user's own.
FREE = {"podSecurityContext", "securityContext", "affinity", "labels", "annotations", "namespaceSelector"}


def test_helm_lint_finds_nothing() -> None:
    run("helm", "lint", "--strict", CHART)


def test_the_suites_of_the_chart_pass() -> None:
    run("untt", "--strict", CHART)


def test_the_crd_is_the_generated_one() -> None:
    (crd,) = of_kind(rendered(), "CustomResourceDefinition")
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    crd["metadata"].pop("labels")
    assert crd == yaml.safe_load(CRD.read_text())


def test_the_template_of_the_crd_is_fresh() -> None:
    assert (CHART / "templates" / "crd.yaml").read_text() == crd_template(CRD.read_text()), "make crds"


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_meets_the_restricted_pod_security_standard(values: Path) -> None:
    (deployment,) = of_kind(rendered(values), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]} <= {"configMap", "emptyDir"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem)
def test_no_role_of_the_operator_reaches_secrets_or_has_a_wildcard(values: Path) -> None:
    roles = of_kind(rendered(values), "Role", "ClusterRole")
    rules = [rule for role in roles for rule in role["rules"]]
    assert rules
    for rule in rules:
        assert not {"secrets", "configmaps", "pods/exec", "pods/log"} & set(rule["resources"])
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])


def test_the_tests_on_the_api_server_grant_what_the_chart_grants() -> None:
    objects = rendered()
    roles = {role["metadata"]["name"]: role["rules"] for role in of_kind(objects, "Role", "ClusterRole")}
    assert roles["internvl-operator"] == [*chart_rules("nodeRules"), *chart_rules("rules")]
    assert roles["internvl-operator-lease"] == chart_rules("leaseRules")
    (account,) = of_kind(objects, "ServiceAccount")
    name, namespace = account["metadata"]["name"], account["metadata"]["namespace"]
    assert f"system:serviceaccount:{namespace}:{name}" == OPERATOR


def test_other_platform_defaults_start_the_operator_again() -> None:
    def checksum(*settings: str) -> str:
        (deployment,) = of_kind(rendered(settings=settings), "Deployment")
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        return str(annotations["checksum/platform-defaults"])

    assert checksum() == checksum()
    assert checksum("platformDefaults.engine.version=0.17.0") != checksum()


def test_namespaced_mode_grants_nothing_outside_of_the_watched_namespaces() -> None:
    settings = ["watchNamespaces={vision,captions}", "rbac.nodes=false", "rbac.aggregateClusterRoles=false"]
    objects = rendered(settings=settings)
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []
    granted = {role["metadata"]["namespace"] for role in of_kind(objects, "RoleBinding")}
    assert {"vision", "captions"} <= granted <= {"vision", "captions", "internvl-system"}


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("replicas=1", "replicas"),
        ("crds.install=true", "install"),
        ("platformDefaults.hfEndpoint=x", "hfEndpoint"),
        ("image.digest=latest", "digest"),
        ("logLevel=verbose", "logLevel"),
        ("admissionPolicy.enabled=true", "needs a limit"),
        ("serviceAccount.create=false", "serviceAccount.name"),
        ("watchNamespaces={Vision}", "watchNamespaces"),
    ],
)
def test_a_wrong_value_is_refused(setting: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        rendered(settings=[setting])


def test_two_operators_without_a_lease_are_refused() -> None:
    with pytest.raises(ToolError, match=r"leaderElection\.enabled"):
        rendered(settings=["replicaCount=2", "leaderElection.enabled=false"])


def test_the_schema_knows_each_value_and_no_other() -> None:
    properties = dict(SCHEMA["properties"])
    del properties["global"]  # Helm's own
    assert _keys(properties) == _given(VALUES)


def test_the_reference_of_the_values_is_fresh() -> None:
    written = run("helm-docs", "--chart-search-root", CHART, "--dry-run", "--log-level", "error")
    assert (CHART / "README.md").read_text() == written, "make reference"


def test_every_value_is_explained() -> None:
    lines = (CHART / "README.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ") and not line.startswith("| Key")]
    assert len(rows) > 50
    assert [row for row in rows if len(row) >= 4 and not row[3].strip(" |")] == []


def _keys(properties: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for name, schema in properties.items():
        nested = schema.get("properties")
        if nested and name != "resources":
            found |= _keys(nested, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def _given(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for name, value in values.items():
        if isinstance(value, dict) and value and name not in FREE | {"resources", "nodeSelector"}:
            found |= _given(value, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found
