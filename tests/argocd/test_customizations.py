"""What Argo CD shows and offers for a resource: asked of Argo CD itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from internvl_operator.api.parsing import parse
from tests.argocd.actions import ANY_TIME, CASES, NO_UPDATE, Case
from tests.argocd.command import ArgoCD, ArgoCDError, Health
from tests.argocd.customizations import ACTIONS, action_names
from tests.argocd.files import generated, stale, state_file
from tests.argocd.states import AS_CREATED, STATES, State

CRD = Path(__file__).parents[2] / "crds" / "internvl.dev_internvldeployments.yaml"
HOW_TO = "run `make customizations` and commit what changed"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
RUNS = [(case, action) for case in CASES for action in case.results]


def test_the_generated_files_are_up_to_date() -> None:
    for path, content in generated().items():
        assert path.read_text(encoding="utf-8") == content, f"{path}: {HOW_TO}"
    assert stale() == set(), HOW_TO


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_the_health_is_what_the_conditions_say(state: State, argocd: ArgoCD) -> None:
    assert argocd.health(state_file(state)) == Health(state.health, state.message)


def test_the_new_resource_is_as_the_api_server_creates_it() -> None:
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    default = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    assert [state.body["status"] for state in STATES if state.status == AS_CREATED] == [default]


def test_every_health_that_a_script_may_give_is_given() -> None:
    assert {state.health for state in STATES} == {"Progressing", "Healthy", "Suspended", "Degraded"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_action_is_offered_when_it_changes_something(case: Case, argocd: ArgoCD) -> None:
    offered = {name: name in case.offered for name in action_names()}
    assert argocd.offered_actions(_file(case)) == offered


@pytest.mark.parametrize(("case", "action"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_an_action_changes_its_field_and_nothing_else(case: Case, action: str, argocd: ArgoCD) -> None:
    result = argocd.run_action(_file(case), action)
    if action == "restart":
        rollout: dict[str, Any] = result["spec"]["rollout"]
        assert TIME.fullmatch(rollout["restartedAt"])
        assert rollout["restartedAt"] != case.spec.get("rollout", {}).get("restartedAt")
        rollout["restartedAt"] = ANY_TIME
    assert result == case.result(action)


@pytest.mark.parametrize(("case", "action"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_the_operator_understands_what_an_action_writes(case: Case, action: str) -> None:
    result = case.result(action)
    parsed = parse(result).spec.model_dump(by_alias=True, exclude_unset=True)
    assert parsed == result["spec"]


def test_every_action_is_run() -> None:
    assert {action for _, action in RUNS} == set(action_names())


def test_no_update_can_be_accepted_where_there_is_none(argocd: ArgoCD) -> None:
    with pytest.raises(ArgoCDError, match=NO_UPDATE):
        argocd.run_action(ACTIONS / "testdata" / "new.yaml", "accept-update")


def _file(case: Case) -> Path:
    path = ACTIONS / "testdata" / f"{case.name}.yaml"
    assert yaml.safe_load(path.read_text()) == case.body
    return path
