"""Which changes of a plan are worth an Event."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.events import events_between, log_lines_between

PLANNED = [{"type": "Planned", "status": "True", "reason": "Planned", "message": "1 x L4"}]


def reasons(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """The Events of a status whose plan was one and is another."""
    previous = {} if before is None else {"plan": before, "conditions": PLANNED}
    current = {"plan": now, "conditions": PLANNED, "observedGeneration": 1}
    return [event.reason for event in events_between(previous, current)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, {"tp": 1}),
        ({"tp": 1}, {"tp": 2}),
        ({"tp": 1, "awq": True}, {"tp": 1}),
    ],
    ids=["the first one", "another one", "one without a field"],
)
def test_a_new_plan_is_an_event(before: dict[str, Any] | None, now: dict[str, Any]) -> None:
    assert reasons(before, now) == ["Planned"]


@pytest.mark.parametrize(
    "now",
    [
        {"tp": 1, "speed": {"limit": "decode"}},
        {"tp": 1, "speed": {"limit": "vision"}, "series": "InternVL2"},
    ],
    ids=["the same", "with more said of it"],
)
def test_the_same_plan_with_another_speed_or_more_said_of_it_is_none(now: dict[str, Any]) -> None:
    assert reasons({"tp": 1, "speed": {"limit": "decode"}}, now) == []


def status(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "False", "reason": reason, "message": message}
    return {"conditions": [ready, *fields.pop("conditions", ())], "observedGeneration": 1, **fields}


def test_the_log_has_a_line_for_a_plan_for_other_pods_and_for_another_reason() -> None:
    new = status("Deploying", plan={"tp": 1}, conditions=PLANNED, revision="a1", rolloutStrategy="Surge")
    assert log_lines_between({}, new) == [
        "planned: 1 x L4",
        "revision a1 is rolled out (Surge)",
        "Deploying",
    ]
    other = {**new, "revision": "b2"}
    assert log_lines_between(new, other) == ["revision b2 is rolled out in place of a1 (Surge)"]
    assert log_lines_between(other, status("Unschedulable", "no node", revision="b2")) == [
        "Unschedulable: no node"
    ]


def test_the_log_has_no_line_where_numbers_alone_change() -> None:
    assert log_lines_between(status("Deploying", readyReplicas=0), status("Deploying", readyReplicas=1)) == []
