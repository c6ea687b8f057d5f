"""How the images are built: for which platforms, under which names, and what is said where they cannot be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import yaml

from internvl_operator import __version__
from release import images
from release.images import DEFINITION, ROOT, build_command, main, targets

if TYPE_CHECKING:
    from pathlib import Path

FAKE_DOCKER = """\
#!/bin/sh
[ "$2" = version ] && exit ${NO_BUILDX:-0}
echo "$VERSION" "$REGISTRY" "$@" >>"$CALLS"
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that writes down how it was called; gives the file."""
    program, calls = tmp_path / "docker", tmp_path / "calls"
    program.write_text(FAKE_DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setattr(images, "ARCHIVES", tmp_path / "images")
    monkeypatch.delenv("REGISTRY", raising=False)
    return calls


def test_every_directory_with_a_dockerfile_is_built() -> None:
    built = {target["dockerfile"] for target in targets().values()}
    assert built == {str(path.relative_to(ROOT)) for path in ROOT.glob("images/*/Dockerfile")}


def test_the_operator_runs_on_both_architectures() -> None:
    assert targets()["operator"]["platforms"] == ["linux/amd64", "linux/arm64"]


def test_the_chart_names_the_image_that_is_built() -> None:
    values = yaml.safe_load((ROOT / "charts" / "internvl-operator" / "values.yaml").read_text())
    definition = yaml.safe_load(DEFINITION.read_text())
    (tag,) = targets()["operator"]["tags"]
    registry = definition["variable"]["REGISTRY"]["default"]
    assert tag.replace("${REGISTRY}", registry) == f"{values['image']['repository']}:${{VERSION}}"


def test_the_release_workflow_builds_every_image_under_its_name() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yaml").read_text())
    pushed = {
        entry["target"]: entry["image"]
        for entry in workflow["jobs"]["images"]["strategy"]["matrix"]["include"]
    }
    assert {name: [f"${{REGISTRY}}/{image}:${{VERSION}}"] for name, image in pushed.items()} == {
        name: target["tags"] for name, target in targets().items()
    }


def test_without_a_push_each_image_becomes_an_archive() -> None:
    command = build_command(["operator"], push=False)
    assert "--push" not in command
    assert f"--set=operator.output=type=oci,dest={images.ARCHIVES}/operator.tar" in command


def test_a_pushed_image_has_a_bill_of_materials_and_provenance() -> None:
    command = build_command(["operator"], push=True)
    assert {"--push", "--sbom=true", "--provenance=mode=max"} <= set(command)
    assert not [part for part in command if "output" in part]


def test_the_version_and_the_registry_reach_buildx(docker: Path) -> None:
    assert main(["--only", "operator", "--registry", "registry.example.com/team", "--push"]) == 0
    (call,) = docker.read_text().splitlines()
    assert call.startswith(f"{__version__} registry.example.com/team buildx bake ")
    assert call.endswith(" operator")


def test_a_docker_without_buildx_is_told_with_a_way_out(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_BUILDX", "1")
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "docker has no buildx" in told
    assert "docker build --file images/operator/Dockerfile" in told
    assert not docker.exists()


def test_no_docker_is_told(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert main([]) == 1
    assert "no docker on PATH" in capsys.readouterr().err
    assert not docker.exists()
