"""What `internvl run` checks before it watches anything, and `internvl run --check` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Internvl

RIGHT = """\
engine: {version: 0.17.0}
huggingFace: {endpoint: https://hub.example.com}
"""


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which no API server could be asked."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    return monkeypatch


def defaults(directory: Path, text: str) -> str:
    file = directory / "platform-defaults.yaml"
    file.write_text(text)
    return str(file)


def test_right_settings_pass_without_a_cluster_and_without_a_word(
    nowhere: pytest.MonkeyPatch, tmp_path: Path, internvl: Internvl
) -> None:
    nowhere.setenv("INTERNVL_PLATFORM_DEFAULTS", defaults(tmp_path, RIGHT))
    nowhere.setenv("INTERNVL_DEFAULT_GPU", "L4")
    nowhere.setenv("INTERNVL_INVENTORY", "NVIDIA-L4=8,NVIDIA-GH200-120GB=1,NVIDIA-OF-TOMORROW=4")
    assert internvl("run", "--check") == (0, "", "")


@pytest.mark.parametrize("mode", [["--check"], []], ids=["check", "start"])
@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("INTERNVL_WORKERS", "0", "INTERNVL_WORKERS must be a whole number"),
        ("INTERNVL_DEFAULT_GPU", "FOO", "INTERNVL_DEFAULT_GPU: the GPU 'FOO' is not known"),
        ("INTERNVL_INVENTORY", "L4=8", "INTERNVL_INVENTORY: write NVIDIA-L4 in place of L4"),
        ("INTERNVL_PLATFORM_DEFAULTS", "/nowhere/at/all.yaml", "/nowhere/at/all.yaml"),
    ],
)
def test_a_wrong_setting_is_named_before_any_cluster_is_asked(
    mode: list[str],
    variable: str,
    value: str,
    complaint: str,
    nowhere: pytest.MonkeyPatch,
    internvl: Internvl,
) -> None:
    nowhere.setenv(variable, value)
    code, output, told = internvl("run", *mode)
    assert (code, output) == (2, "")
    assert told.startswith("internvl run: ")
    assert complaint in told


@pytest.mark.parametrize("mode", [["--check"], []], ids=["check", "start"])
def test_an_engine_release_that_is_not_known_is_named_with_its_field(
    mode: list[str], nowhere: pytest.MonkeyPatch, tmp_path: Path, internvl: Internvl
) -> None:
    nowhere.setenv("INTERNVL_PLATFORM_DEFAULTS", defaults(tmp_path, "engine: {version: 0.19.0}"))
    code, _, told = internvl("run", *mode)
    assert code == 2
    assert "engine.version" in told
    assert "0.18.0" in told
