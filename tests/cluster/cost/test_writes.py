"""What the operator costs the API server, counted by the API server itself (its audit log)."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.operators.operator_process import USER, resource, spawn_operator
from tests.cluster.waiting import apply, condition, eventually, get_all, states_since, wait_ready

if TYPE_CHECKING:
    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

QUIET_SECONDS = 60

FIRST, LAST = ("Deploying", 0), ("Ready", 1)
"""Steps of a new resource. Between them it downloads and deploys on, and a replica is counted: how busy the machine is
decides which of these steps are seen, and in which order."""


def test_a_new_resource_costs_three_children_a_status_for_each_step_and_two_events(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    resources = f"/apis/internvl.dev/v1alpha1/namespaces/{namespace}/internvldeployments"
    before = json.loads(cluster.get(resources))["metadata"]["resourceVersion"]
    apply(cluster, resource("count", namespace))
    wait_ready(cluster, "count", namespace)

    _created, *states = states_since(cluster, resources, "count", before)
    told = [_step(state) for state in states]
    assert len(set(told)) == len(told), "each status tells of another step"
    assert (told[0], told[-1]) == (FIRST, LAST)
    assert {reason for reason, _ in told} <= {"Deploying", "Downloading", "Ready"}
    assert [replicas for _, replicas in told] == sorted(replicas for _, replicas in told)

    # What is answered is logged, which may be after it is seen.
    eventually(lambda: _statuses(cluster, namespace) >= len(told), "the statuses in the audit log")
    writes = Counter((event.resource, event.subresource) for event in _writes(cluster, namespace))

    children = {
        key: number for key, number in writes.items() if key[0] not in ("internvldeployments", "events")
    }
    assert children == {("networkpolicies", ""): 1, ("services", ""): 1, ("deployments", ""): 1}
    assert writes["internvldeployments", "status"] == len(told)
    assert writes["internvldeployments", ""] == 0
    assert writes["events", ""] <= 2


@pytest.mark.timeout(180)
def test_a_quiet_minute_and_a_restart_cost_nothing(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    names = [f"quiet-{number}" for number in range(5)]
    apply(cluster, *(resource(name, namespace) for name in names))
    for name in names:
        wait_ready(cluster, name, namespace)

    # Events are recorded beside the status, and may come after it.
    eventually(lambda: _events(cluster, namespace) >= 2 * len(names), "Planned and Ready of each")
    before = len(_writes(cluster, namespace))
    _pass(QUIET_SECONDS)
    assert len(_writes(cluster, namespace)) == before, "writes in a quiet minute"

    operator.stop()
    try:
        assert operator.exit_code == 0
        successor = spawn_operator(cluster, "successor")
        try:
            apply(cluster, resource("after", namespace))
            wait_ready(cluster, "after", namespace)
            later = _writes(cluster, namespace)[before:]
            names_written = {event.name for event in later if event.resource != "events"}
            assert names_written == {"after"}, "writes of a restarted operator to what was at rest"
        finally:
            successor.stop()
    finally:
        operator.start()


def test_events_tell_of_the_plan_and_of_ready(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    apply(cluster, resource("told", namespace, size="8B"))
    wait_ready(cluster, "told", namespace)

    def told() -> dict[str, str] | None:
        listed = get_all(cluster, "events", namespace)
        ours = {
            item["reason"]: item["message"]
            for item in listed
            if item["involvedObject"]["kind"] == "InternVLDeployment"
        }
        return ours if "Ready" in ours else None

    events = eventually(told, "the Event Ready")
    assert set(events) == {"Planned", "Ready"}
    assert "NVIDIA-A100-SXM4-80GB" in events["Planned"]


def _step(state: dict[str, Any]) -> tuple[str, int]:
    """Return how far a resource is by its status: the reason of Ready, and its replicas."""
    return condition(state, "Ready")["reason"], state["status"]["replicas"]


def _writes(cluster: LocalCluster, namespace: str | None = None) -> list[AuditEvent]:
    return [
        event
        for event in cluster.audit_events()
        if event.user == USER and event.is_write and namespace in (None, event.namespace)
    ]


def _statuses(cluster: LocalCluster, namespace: str) -> int:
    """How many statuses the operator has written."""
    return sum(event.subresource == "status" for event in _writes(cluster, namespace))


def _events(cluster: LocalCluster, namespace: str) -> int:
    """How many Events the operator has recorded."""
    return sum(event.resource == "events" for event in _writes(cluster, namespace))


def _pass(seconds: float) -> None:
    """Let time pass: here the absence of an event is what is tested."""
    time.sleep(seconds)
