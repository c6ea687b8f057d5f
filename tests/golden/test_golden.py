"""Manifests are byte for byte as they were: a difference restarts models, so it has to be meant."""

from __future__ import annotations

import difflib

import pytest

from tests.golden.cases import DIRECTORY, cases, rendered
from tests.golden.plan_texts import COMMANDS, PLANS, printed

CASES = cases()
HOW_TO = "if that is meant, run `python -m tests.golden` and commit what changed"


@pytest.mark.parametrize("name", CASES)
def test_the_manifests_are_as_they_were(name: str) -> None:
    was = (DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8")
    now = rendered(*CASES[name])
    difference = difflib.unified_diff(was.splitlines(), now.splitlines(), "was", "now", lineterm="", n=3)
    assert was == now, "\n".join(("the manifests changed; " + HOW_TO, *difference))


def test_every_file_has_a_case() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.yaml")} == set(CASES), HOW_TO


@pytest.mark.parametrize("name", COMMANDS)
def test_a_plan_for_a_load_is_printed_as_it_was(name: str) -> None:
    was = (PLANS / f"{name}.txt").read_text(encoding="utf-8")
    assert printed(COMMANDS[name]).splitlines() == was.splitlines(), HOW_TO


def test_every_file_of_a_plan_has_a_command() -> None:
    assert {path.stem for path in PLANS.iterdir()} == set(COMMANDS), HOW_TO


def test_every_example_has_a_file() -> None:
    assert sum(name.startswith("example-") for name in CASES) == 15
