"""Dockerfiles, workflows and what they name, as far as that can be told without a container engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.api.parsing import parse
from internvl_operator.api.v1alpha1 import KIND
from tests.chart.helm.tools import ToolError, run
from tests.cluster.programs.versions import HELM
from tests.e2e.cluster.workloads import model

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
LOCK = ROOT / "images" / "operator" / "requirements.lock"
HADOLINT = Path(sys.executable).with_name("hadolint")


def hadolint(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(HADOLINT), "--config", str(ROOT / ".hadolint.yaml"), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(file: Path) -> None:
    assert hadolint(file).stdout == ""


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("RUN cd /tmp && apt-get install curl", "DL3003"),
        ("FROM quay.io/else/where:1", "DL3026"),
        ("USER root", "DL3002"),
    ],
)
def test_hadolint_would_notice(line: str, rule: str) -> None:
    dockerfile = line if line.startswith("FROM") else f"FROM python:3.13-slim\n{line}\n"
    assert rule in hadolint("-", given=dockerfile).stdout


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_no_image_runs_as_root(file: Path) -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", file.read_text(), re.MULTILINE)
    assert users
    assert "0" not in users[-1]


def test_actionlint_finds_nothing() -> None:
    assert run("actionlint", "-shellcheck=", "-pyflakes=", *WORKFLOWS) == ""


def test_actionlint_would_notice(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on", 1))
    with pytest.raises(ToolError, match="run-on"):
        run("actionlint", broken)


def test_the_workflows_use_the_helm_of_the_tests() -> None:
    used = {
        step["with"]["version"]
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("azure/setup-helm")
    }
    assert used == {HELM.version}


def test_the_image_has_the_dependencies_that_the_tests_run_with() -> None:
    def pinned(lock: Path) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", lock.read_text(), re.MULTILINE))

    assert pinned(LOCK) <= pinned(ROOT / "requirements.lock"), "make lock"


@pytest.mark.timeout(300)
def test_the_operator_runs_with_what_its_image_installs(tmp_path: Path) -> None:
    """The steps of the Dockerfile's build stage, in a virtual environment in place of the image's."""
    uv, environment = str(Path(sys.executable).with_name("uv")), {**os.environ, "UV_LINK_MODE": "copy"}
    target = tmp_path / "internvl"

    def step(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    step(uv, "venv", "--python", sys.executable, target)
    install = (uv, "pip", "install", "--python", target)
    step(*install, "--require-hashes", "--requirement", LOCK)
    step(*install, "--no-deps", ".")
    assert yaml.safe_load(step(target / "bin" / "internvl", "crd")) == custom_resource_definition()
    step(
        target / "bin" / "python",
        "-c",
        "import internvl_operator.runtime.app, internvl_operator.kube.credentials",
    )


def test_the_model_of_the_end_to_end_test_is_a_right_one() -> None:
    body = model("captions", "default", replicas=2)
    assert body["kind"] == KIND
    assert parse(body).spec.model.source.persistent_volume_claim is not None
