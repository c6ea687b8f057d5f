"""The Kubernetes Events and the log lines of a change of status: pure functions of the status before and after."""

from collections.abc import Iterator, Mapping
from typing import Any

from internvl_operator.api.reasons import Outlook, Reason
from internvl_operator.kube.objects import condition_of, is_true
from internvl_operator.kube.port import ClusterEvent

_WAITING = frozenset(reason for reason in Reason if reason.outlook is Outlook.WAITING)
"""Reasons that are worth an Event though nobody has to act. Reasons of mere progress are not."""


def events_between(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[ClusterEvent]:
    """Return the Events to record: a new plan, Ready, a problem, a changed rollout, and an update that is offered.

    Args:
        previous: the status before; empty for a new resource.
        current: the status that was just written.
    """
    return [
        *_planned(previous, current),
        *_ready(previous, current),
        *_problem(previous, current),
        *_rollout(previous, current),
        *_update(previous, current),
    ]


def log_lines_between(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return what the log says of a change: a line for another plan, other pods, and another reason; none at rest."""
    return [
        *(f"planned: {event.message}" for event in _planned(previous, current)),
        *_applied(previous, current),
        *_reason(previous, current),
    ]


def _applied(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[str]:
    before, now = previous.get("revision"), current.get("revision")
    if now and now != before:
        instead = f" in place of {before}" if before else ""
        yield f"revision {now} is rolled out{instead} ({current.get('rolloutStrategy')})"


def _reason(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[str]:
    before, now = condition_of(previous, "Ready"), condition_of(current, "Ready")
    if now is not None and not _is_same_reason(before, now):
        message = f": {now['message']}" if now["message"] else ""
        yield f"{now['reason']}{message}"


def _planned(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[ClusterEvent]:
    if is_true(current, "Planned") and _is_another_plan(previous.get("plan"), current.get("plan") or {}):
        yield ClusterEvent("Normal", Reason.PLANNED, _message(current, "Planned"))


def _is_another_plan(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Return whether the plan is another one; fields that a later operator adds and a new speed do not count."""
    return not before or any(now.get(key) != value for key, value in before.items() if key != "speed")


def _ready(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[ClusterEvent]:
    if is_true(current, "Ready") and not is_true(previous, "Ready"):
        yield ClusterEvent("Normal", Reason.READY, _message(current, "Ready"))


def _problem(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[ClusterEvent]:
    """Yield an Event for a new reason why the resource is not ready, and for a loss of Ready without a new spec."""
    now, before = condition_of(current, "Ready"), condition_of(previous, "Ready")
    if now is None or now["status"] == "True" or _is_same_reason(before, now):
        return
    if is_true(current, "Stalled") or now["reason"] in _WAITING:
        yield ClusterEvent("Warning", now["reason"], now["message"])
    elif is_true(previous, "Ready") and previous["observedGeneration"] == current["observedGeneration"]:
        yield ClusterEvent("Warning", Reason.NOT_READY, now["message"])


def _rollout(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[ClusterEvent]:
    """Yield an Event when a lack of GPUs, and not a new spec, has turned a surge into TerminateFirst."""
    is_same_spec = previous.get("observedGeneration") == current["observedGeneration"]
    before, now = previous.get("rolloutStrategy"), current.get("rolloutStrategy")
    if is_same_spec and (before, now) == ("Surge", "TerminateFirst"):
        message = (
            "no GPUs are free for a new pod while the old ones run: an old pod stops before a new one starts"
        )
        yield ClusterEvent("Normal", Reason.TERMINATE_FIRST, message)


def _update(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[ClusterEvent]:
    offered = current.get("updateRevision")
    if offered and offered != previous.get("updateRevision"):
        yield ClusterEvent("Normal", Reason.UPDATE_AVAILABLE, _message(current, "UpdateAvailable"))


def _is_same_reason(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return before is not None and (before["status"], before["reason"]) == (now["status"], now["reason"])


def _message(status: Mapping[str, Any], type_: str) -> str:
    found = condition_of(status, type_)
    return found["message"] if found else ""
