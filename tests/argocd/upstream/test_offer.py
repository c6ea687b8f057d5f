"""The customizations pass the tests of Argo CD's own repository, put where they would be offered."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.argocd.customizations import CUSTOMIZATIONS
from tests.argocd.states import STATES
from tests.cluster.programs.go_build import module_directory
from tests.cluster.programs.versions import ARGO_CD

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.argocd, pytest.mark.timeout(1200)]

LARGE = ("docs", "manifests", "ui", "ui-test")
TESTS = "TestLuaHealthScript|TestLuaResourceActionsScript"
# Argo CD's tests leave out the times that actions write, kind by kind: the offer brings this case along.
BEFORE = '\tcase "ExternalSecret", "PushSecret":\n'
CASE = """\
	case "InternVLDeployment":
		if _, exists, _ := unstructured.NestedString(un.Object, "spec", "rollout", "restartedAt"); exists {
			err := unstructured.SetNestedField(un.Object, "0001-01-01T00:00:00Z", "spec", "rollout", "restartedAt")
			if err != nil {
				return fmt.Errorf("failed to normalize %s: %w", un.GetKind(), err)
			}
		}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Argo CD's repository with the customizations in it."""
    repository = tmp_path / "argo-cd"
    shutil.copytree(
        module_directory(ARGO_CD),
        repository,
        ignore=shutil.ignore_patterns(*LARGE),
        copy_function=shutil.copyfile,
    )
    for directory in (repository, *repository.rglob("*")):
        if directory.is_dir():
            directory.chmod(0o755)
    shutil.copytree(
        CUSTOMIZATIONS,
        repository / "resource_customizations" / CUSTOMIZATIONS.parent.name / CUSTOMIZATIONS.name,
    )
    test = repository / "util" / "lua" / "custom_actions_test.go"
    before, found, after = test.read_text().partition(BEFORE)
    assert found
    test.write_text(before + CASE + found + after)
    return repository


def test_the_tests_of_argo_cds_own_repository_pass(repository: Path) -> None:
    done = subprocess.run(
        ["go", "test", "./util/lua", f"-run={TESTS}", "-v"],
        cwd=repository,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert done.stdout.count("--- PASS: TestLuaHealthScript/internvl.dev/InternVLDeployment/") == len(STATES)
    assert "--- PASS: TestLuaResourceActionsScript/actions/accept-update/testdata/update.yaml" in done.stdout
