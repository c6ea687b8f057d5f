"""Wrong specs are refused by a real API server, each for one reason; right ones are accepted, and their children."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.v1alpha1 import API_VERSION, PLURAL
from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.manifests.drift import is_applied
from tests.cluster.apiserver.api import APPLY, Answer, Api
from tests.cluster.custom_resources import install_crds
from tests.cluster.programs.published_crds import CHILDREN_CRDS, obtain
from tests.cluster.specs.constraints import CONSTRAINTS, COST_BOUNDS
from tests.cluster.specs.right import RIGHT
from tests.cluster.specs.rules import READING, RULES
from tests.cluster.specs.schema import constraints, loosened, nodes, resource_schema, rules, spec_schema
from tests.cluster.specs.stalled import DEPLOYMENT
from tests.cluster.specs.table import resource
from tests.rendering import children_of
from tests.statuses import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from internvl_operator.status import Status
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.specs.table import RightSpec, Spec, StalledSpec, WrongSpec

Verdicts = dict[str, Answer]

WRONG = (*CONSTRAINTS, *RULES, *READING)
RESOURCES = f"/apis/{API_VERSION}/namespaces/default/{PLURAL}"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD = custom_resource_definition()

UNCHECKED = "some validation rules were not checked because the object was invalid"
SCALE = ".spec.replicas"
"""How the API server names the field when the scale subresource's own check refuses it, beside the schema's."""


@pytest.fixture(scope="module")
def verdicts(api: Api) -> Verdicts:
    """What the API server says of each wrong spec."""
    return {wrong.name: _created(api, wrong.body) for wrong in WRONG}


def _created(api: Api, body: dict[str, Any], path: str = RESOURCES) -> Answer:
    return api.request("POST", path, body, dryRun="All", fieldValidation="Strict")


def _causes(answer: Answer) -> list[dict[str, str]]:
    """Why an object was refused, without the remark that rules were skipped and the scale subresource's check."""
    causes: list[dict[str, str]] = answer.body["details"].get("causes", [])
    return [cause for cause in causes if UNCHECKED not in cause["message"] and cause["field"] != SCALE]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_spec_is_refused_with_its_message(wrong: WrongSpec, verdicts: Verdicts) -> None:
    assert not verdicts[wrong.name].accepted
    assert wrong.says in verdicts[wrong.name].message


@pytest.mark.parametrize("wrong", [*CONSTRAINTS, *RULES], ids=lambda wrong: wrong.name)
def test_a_wrong_spec_is_refused_for_one_reason(wrong: WrongSpec, verdicts: Verdicts) -> None:
    (cause,) = _causes(verdicts[wrong.name])
    assert wrong.says in cause["message"]
    assert wrong.field in (None, cause["field"])


def test_the_messages_are_distinct_enough_to_act_on() -> None:
    assert len({wrong.name for wrong in WRONG}) == len(WRONG) >= 100
    assert len({wrong.says for wrong in WRONG}) >= 50


def test_taking_out_any_rule_would_let_a_wrong_spec_pass(verdicts: Verdicts) -> None:
    sole_causes = [_causes(verdicts[wrong.name])[0]["message"] for wrong in RULES]
    idle = [
        rule["message"]
        for rule in rules(resource_schema(CRD), "")
        if not any(_message(rule) in message for message in sole_causes)
    ]
    assert idle == []


def _message(rule: dict[str, str]) -> str:
    """What a rule's message always holds: all of it, or the constant that its expression begins with."""
    constant = re.match("'([^']+)'", rule.get("messageExpression", ""))
    return constant.group(1) if constant else rule["message"]


def test_taking_out_any_constraint_would_let_a_wrong_spec_pass() -> None:
    broken = {wrong.breaks for wrong in CONSTRAINTS}
    assert constraints(spec_schema(CRD), "spec") - COST_BOUNDS == broken


def test_the_crd_is_refused_without_the_bounds_that_only_limit_a_rules_cost(api: Api) -> None:
    crd = _variant("unbounded")
    schemas = dict(nodes(spec_schema(crd), "spec"))
    for path, keyword in COST_BOUNDS:
        del schemas[path][keyword]
    assert "estimated rule cost exceeds budget" in api.request("POST", CRDS, crd, dryRun="All").message


@pytest.fixture(scope="module")
def loosened_resources(
    cluster: LocalCluster, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Path of a kind whose rules are those of the CRD and whose constraints are each a little wider."""
    crd = _variant("loosened")
    version = crd["spec"]["versions"][0]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"] = loosened(spec_schema(CRD))
    del version["subresources"]["scale"]
    file = tmp_path_factory.mktemp("crd") / "loosened.json"
    file.write_text(json.dumps(crd))
    install_crds(cluster, file)
    name = crd["metadata"]["name"]
    cluster.kubectl("get", name, "--all-namespaces")
    yield RESOURCES.replace("internvl.dev", "loosened.internvl.dev")
    api.request("DELETE", f"{CRDS}/{name}")


def _variant(group: str) -> dict[str, Any]:
    """The CRD in a group of its own, to be changed."""
    crd = custom_resource_definition()
    crd["spec"]["group"] = f"{group}.internvl.dev"
    crd["spec"]["names"]["shortNames"], crd["spec"]["names"]["categories"] = [], []
    crd["metadata"]["name"] = f"{PLURAL}.{group}.internvl.dev"
    return crd


@pytest.mark.parametrize("wrong", CONSTRAINTS, ids=lambda wrong: wrong.name)
def test_nothing_but_its_constraint_refuses_a_wrong_value(
    wrong: WrongSpec, api: Api, loosened_resources: str
) -> None:
    body = {**wrong.body, "apiVersion": API_VERSION.replace("internvl.dev", "loosened.internvl.dev")}
    assert _created(api, body, loosened_resources).message == ""


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_a_right_spec_is_accepted(right: RightSpec, api: Api) -> None:
    assert _created(api, right.body).message == ""


@pytest.fixture(scope="module")
def optional_kinds(cluster: LocalCluster) -> Iterator[None]:
    """The kinds of children that a cluster may lack."""
    files = [obtain(crd) for crd in CHILDREN_CRDS]
    install_crds(cluster, *files)
    yield
    cluster.kubectl("delete", *(f"--filename={file}" for file in files))


@pytest.mark.usefixtures("optional_kinds")
@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_the_children_of_a_right_spec_are_accepted_and_found_as_applied(right: RightSpec, api: Api) -> None:
    for child in children_of(right.spec):
        answer = _applied(api, child)
        assert answer.message == ""
        assert is_applied(child, answer.body), child["kind"]


@pytest.mark.parametrize("stalled", DEPLOYMENT, ids=lambda stalled: stalled.name)
def test_what_only_a_deployment_can_refuse_is_accepted_in_the_resource_and_refused_there(
    stalled: StalledSpec, api: Api
) -> None:
    assert _created(api, stalled.body).message == ""
    answer = _applied(api, _deployment(stalled.spec))
    assert answer.code == 422
    assert stalled.says in answer.message


def test_what_does_not_fit_a_deployments_schema_is_refused_with_500_and_these_words(api: Api) -> None:
    deployment = _deployment({"size": "8B"})
    # As of a resource that was written while its CRD kept every field of a variable.
    deployment["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "LEVEL", "vlue": "INFO"})
    answer = _applied(api, deployment)
    assert answer.code == 500
    assert answer.message.startswith("failed to create typed patch object")
    assert '.env[name="LEVEL"].vlue: field not declared in schema' in answer.message


def _deployment(spec: Spec) -> dict[str, Any]:
    return next(child for child in children_of(spec) if child["kind"] == "Deployment")


def _applied(api: Api, child: dict[str, Any]) -> Answer:
    version, plural = child["apiVersion"], CHILDREN[child["kind"]].plural
    root = "/apis" if "/" in version else "/api"
    return api.request(
        "PATCH",
        f"{root}/{version}/namespaces/default/{plural}/{child['metadata']['name']}",
        child,
        content_type=APPLY,
        dryRun="All",
        fieldManager="internvl-operator",
        fieldValidation="Strict",
        force="true",
    )


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_a_status_is_stored_as_it_was_written(status: Status, api: Api, namespace: str) -> None:
    resources = RESOURCES.replace("/default/", f"/{namespace}/")
    created = api.request("POST", resources, resource({"size": "8B"}, namespace=namespace))
    answer = api.request(
        "PATCH",
        f"{resources}/captions/status",
        {**created.body, "status": status},
        content_type="application/merge-patch+json",
        fieldValidation="Strict",
    )
    # At once, and not with the namespace: no operator of a later test is to see it.
    api.request("DELETE", f"{resources}/captions")
    assert answer.message == ""
    assert answer.body["status"] == status
