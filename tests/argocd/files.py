"""The generated files of the customizations: argocd-cm.yaml, and tests as Argo CD's repository has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.argocd.actions import CASES, NO_UPDATE
from tests.argocd.customizations import ACTIONS, ARGOCD_CM, CUSTOMIZATIONS, action_names, argocd_cm, to_yaml
from tests.argocd.states import STATES, State

if TYPE_CHECKING:
    from pathlib import Path

ARGOCD_CM_HEADER = """\
# Makes Argo CD know the health and the actions of an InternVLDeployment. Merge it into the ConfigMap argocd-cm:
#   kubectl apply --server-side --field-manager=internvl-customizations -n argocd -f argocd-cm.yaml
# Generated from resource_customizations/ by `make customizations`.
"""


def generated() -> dict[Path, str]:
    """Path and content of each generated file."""
    return {ARGOCD_CM: ARGOCD_CM_HEADER + to_yaml(argocd_cm()), **_health_files(), **_action_files()}


def stale() -> set[Path]:
    """Files in the generated directories that nothing generates."""
    directories = (CUSTOMIZATIONS / "testdata", ACTIONS / "testdata")
    return {path for directory in directories for path in directory.glob("*")} - generated().keys()


def state_file(state: State) -> Path:
    """Where a state's resource is."""
    return CUSTOMIZATIONS / "testdata" / f"{state.health.lower()}_{state.name}.yaml"


def _health_files() -> dict[Path, str]:
    tests = [
        {
            "healthStatus": {"status": state.health, "message": state.message},
            "inputPath": str(state_file(state).relative_to(CUSTOMIZATIONS)),
        }
        for state in STATES
    ]
    return {
        CUSTOMIZATIONS / "health_test.yaml": to_yaml({"tests": tests}),
        **{state_file(state): to_yaml(state.body) for state in STATES},
    }


def _action_files() -> dict[Path, str]:
    data = ACTIONS / "testdata"
    files = {data / f"{case.name}.yaml": to_yaml(case.body) for case in CASES}
    discovery: list[dict[str, Any]] = [
        {
            "inputPath": f"testdata/{case.name}.yaml",
            "result": [{"name": name, "disabled": name not in case.offered} for name in action_names()],
        }
        for case in CASES
    ]
    runs: list[dict[str, Any]] = []
    for case in CASES:
        for action in case.results:
            expected = f"testdata/{case.name}-after-{action}.yaml"
            files[ACTIONS / expected] = to_yaml(case.result(action))
            runs.append(
                {
                    "action": action,
                    "inputPath": f"testdata/{case.name}.yaml",
                    "expectedOutputPath": expected,
                }
            )
    refused = {"action": "accept-update", "inputPath": "testdata/new.yaml", "expectedErrorMessage": NO_UPDATE}
    tests = {"discoveryTests": discovery, "actionTests": [*runs, refused]}
    return {ACTIONS / "action_test.yaml": to_yaml(tests), **files}
