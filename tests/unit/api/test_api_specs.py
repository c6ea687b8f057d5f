"""Without an API server, wrong specs are refused with the same messages, and right ones planned and rendered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from internvl_operator.api.base import ApiModel
from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS
from internvl_operator.desired import desired_state
from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.manifests.record import inputs_of
from internvl_operator.observed import Observed
from tests.cluster.specs.constraints import CONSTRAINTS
from tests.cluster.specs.right import RIGHT
from tests.cluster.specs.rules import READING, RULES
from tests.cluster.specs.stalled import DEPLOYMENT, PLANNER
from tests.cluster.specs.table import at, resource
from tests.rendering import children_of, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.specs.table import RightSpec, Spec, StalledSpec, WrongSpec

WRONG = [*CONSTRAINTS, *RULES, *READING]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNED = {"uid": "5f2c", "generation": 1}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_spec_is_refused_with_its_message(wrong: WrongSpec) -> None:
    with pytest.raises(InvalidSpecError) as error:
        parse(wrong.body)
    assert wrong.parse_says in str(error.value)


@pytest.mark.parametrize("wrong", CONSTRAINTS, ids=lambda wrong: wrong.name)
def test_a_wrong_value_is_named_by_the_path_that_the_api_server_uses(wrong: WrongSpec) -> None:
    with pytest.raises(InvalidSpecError) as error:
        parse(wrong.body)
    named, _, problem = str(error.value).partition(": ")
    assert wrong.field is not None
    assert wrong.field.startswith(named)
    assert "; spec" not in problem, "it is the only problem"


def test_every_problem_of_a_spec_is_told_at_once() -> None:
    with pytest.raises(InvalidSpecError) as error:
        parse(resource({"size": "7B", "replicas": -1, "engine": {"extraArgs": ["--no", "--tp"]}}))
    assert [problem.partition(": ")[0] for problem in str(error.value).split("; ")] == [
        "spec.size",
        "spec.replicas",
        "spec.engine.extraArgs[1]",
    ]


def test_taking_out_any_rule_of_the_models_would_let_a_wrong_spec_pass() -> None:
    refused_by = [wrong.parse_says for wrong in RULES]
    idle = [
        rule.message
        for rules in (InternVLDeployment.rules, *(model.rules for model in _models(ApiModel)))
        for rule in rules
        if not any(message in rule.message for message in refused_by)
    ]
    assert idle == []


def _models(base: type[ApiModel]) -> Iterator[type[ApiModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


@pytest.mark.parametrize("flag", OPERATOR_FLAGS)
@pytest.mark.parametrize("spelling", ["{dashed}", "{dashed}=1", "{underscored}", "{underscored}=1"])
def test_an_extra_argument_must_not_be_a_flag_of_the_operators_own(flag: str, spelling: str) -> None:
    argument = spelling.format(dashed=flag, underscored="--" + flag[2:].replace("-", "_"))
    with pytest.raises(InvalidSpecError, match=f"must not hold {flag}: "):
        parse(resource(at("engine.extraArgs[]", argument)))


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_a_right_spec_is_planned_and_rendered(right: RightSpec) -> None:
    spec = right.spec
    kinds = [child["kind"] for child in children_of(spec)]
    absent = set()
    if not spec.get("networkPolicy", {}).get("enabled", True):
        absent.add("NetworkPolicy")
    if "size" not in spec.get("model", {}).get("cache", {}):
        absent.add("PersistentVolumeClaim")
    if "maxReplicas" not in spec.get("autoscaling", {}):
        absent.add("HorizontalPodAutoscaler")
    if spec.get("autoscaling", {}).get("minReplicas", 1) == 0:
        absent.add("HorizontalPodAutoscaler")
    else:
        absent |= {"InterceptorRoute", "ScaledObject"}
    if max(spec.get("replicas", 1), spec.get("autoscaling", {}).get("maxReplicas", 1)) < 2:
        absent.add("PodDisruptionBudget")
    if spec.get("monitoring", {}).get("podMonitor") == "Disabled" or _has_no_metrics(spec):
        absent.add("PodMonitor")
    if "parentRefs" not in spec.get("gateway", {}):
        absent.add("HTTPRoute")
    if spec.get("gateway", {}).get("balancing") != "InferencePool":
        absent.add("InferencePool")
    assert [kind for kind in kinds if kind not in PICKERS] == [
        kind for kind in CHILDREN if kind not in absent and kind not in PICKERS
    ]
    twice = [kind for kind in PICKERS if kind not in absent] if "InferencePool" not in absent else []
    assert sorted(kind for kind in kinds if kind in PICKERS) == sorted(
        [*twice, *(kind for kind in PICKERS if kind not in absent)]
    )


PICKERS = ("NetworkPolicy", "Service", "Deployment")
"""The kinds that an endpoint picker is made of, of which the model has one each."""


def _has_no_metrics(spec: Spec) -> bool:
    """LMDeploy has metrics since 0.9.2, on PyTorch alone at first."""
    return spec.get("engine", {}).get("version") in ("0.5.3", "0.9.2")


@pytest.mark.parametrize("stalled", PLANNER, ids=lambda stalled: stalled.name)
async def test_what_only_the_planner_can_refuse_is_stalled_with_its_message(stalled: StalledSpec) -> None:
    problem = (await desired_state(Observed(body=_owned(stalled.spec)), inventory, NOW)).problem
    assert problem is not None
    assert problem.is_stalled
    assert problem.reason == stalled.reason
    assert stalled.says in problem.message


@pytest.mark.parametrize("stalled", DEPLOYMENT, ids=lambda stalled: stalled.name)
async def test_what_only_a_deployment_can_refuse_reaches_it_unchanged(stalled: StalledSpec) -> None:
    desired = await desired_state(Observed(body=_owned(stalled.spec)), inventory, NOW)
    assert desired.problem is None
    assert desired.children is not None
    assert {"NetworkPolicy", "Service", "Deployment"} <= {
        child["kind"] for child in desired.children.manifests
    }


def test_a_section_that_is_null_is_absent() -> None:
    sections = ("gpu", "engine", "model", "server", "service", "networkPolicy", "autoscaling", "rollout")
    emptied = parse(resource({"size": "8B", **dict.fromkeys(sections), "podTemplate": {"resources": None}}))
    assert emptied.spec == parse(resource({"size": "8B", "podTemplate": {}})).spec
    assert inputs_of(emptied.spec) == inputs_of(parse(resource({"size": "8B"})).spec)


def test_nulls_in_a_kubernetes_type_are_dropped_as_the_api_server_does() -> None:
    peer: dict[str, object] = {"podSelector": None, "namespaceSelector": {}}
    spec = parse(resource({"size": "8B", "networkPolicy": {"from": [peer]}})).spec
    assert spec.network_policy.from_ == [{"namespaceSelector": {}}]


async def test_a_resource_that_cannot_be_parsed_is_stalled_and_nothing_is_changed() -> None:
    desired = await desired_state(Observed(body=_owned({"size": "8B", "flavour": "vanilla"})), inventory, NOW)
    assert desired.children is None
    assert desired.problem is not None
    assert desired.problem.reason == "InvalidSpec"
    assert desired.problem.message == "spec.flavour: Extra inputs are not permitted"


def _owned(spec: Spec) -> dict[str, object]:
    body = resource(spec)
    return {**body, "metadata": {**body["metadata"], **OWNED}}


def test_specs_share_the_sections_that_they_lack_and_nothing_changes_them() -> None:
    plain = parse(resource({"size": "1B"})).spec
    untouched = plain.model_dump_json()
    for right in RIGHT:
        children_of(right.spec)
    assert parse(resource({"size": "2B"})).spec.engine is plain.engine
    assert plain.model_dump_json() == untouched
