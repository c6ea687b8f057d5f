"""The page of failure modes has every reason that the code can give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import internvl_operator
from internvl_operator.desired import _REASONS
from internvl_operator.diagnosis.finding import Outlook, Reason
from tests.docs.failure_section import PAGE, with_failures

ROOT = Path(internvl_operator.__file__).parent
GIVEN = re.compile(r'(?:Problem\(|Condition\(\s*"Ready", \w+, )\s*"([A-Z]\w+)"')
ROW = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def documented() -> list[str]:
    """Return the reasons that the page's tables begin with, as often as they do."""
    tables = PAGE.read_text().split("<!--")[0]
    return [name for cell in ROW.findall(tables) for name in re.findall(r"`(\w+)`", cell)]


def given() -> set[str]:
    """Return the reasons that the code names where it makes a problem or the condition Ready."""
    found = {name for file in ROOT.rglob("*.py") for name in GIVEN.findall(file.read_text())}
    return found | set(_REASONS.values())


def test_the_code_gives_the_reasons_that_are_looked_for() -> None:
    assert {"InvalidSpec", "NameConflict", "Suspended", "Deploying", "InternalError", "DoesNotFit"} <= given()


def test_every_reason_of_the_code_is_on_the_page_once() -> None:
    reasons = documented()
    assert {*given(), *map(str, Reason)} <= set(reasons)
    assert len(reasons) == len(set(reasons))


def test_the_reasons_from_pods_stand_in_the_order_in_which_they_are_told() -> None:
    assert documented()[: len(Reason)] == [str(reason) for reason in Reason]


@pytest.mark.parametrize("reason", Reason)
def test_the_outlook_of_a_reason_is_the_documented_one(reason: Reason) -> None:
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{reason}` |"))
    outlook = row.split("|")[2].split()[0]
    words = {Outlook.PROGRESS: "goes", Outlook.WAITING: "waits", Outlook.STALLED: "stalled"}
    # A crash is sure to be one only when it is repeated; a blocked rollout is as what blocks it.
    exceptions = {Reason.CRASH_LOOPING: "waits", Reason.ROLLOUT_BLOCKED: "as"}
    assert outlook.rstrip(";") == exceptions.get(reason, words[reason.outlook])


def test_how_each_reason_is_tested_is_current() -> None:
    page = PAGE.read_text()
    assert page == with_failures(page), "run: python -m tests.docs.failure_section"
