"""What the operator does within seconds, measured while no other test disturbs it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.operators.operator_process import USER, resource, spawn_operator
from tests.cluster.waiting import apply, delete, eventually, get, wait_ready

if TYPE_CHECKING:
    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

pytestmark = pytest.mark.undisturbed


@pytest.mark.usefixtures("operator")
def test_a_deleted_service_is_back_within_two_seconds(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("back", namespace))
    wait_ready(cluster, "back", namespace)
    before = get(cluster, "service", "back", namespace)
    assert before is not None

    delete(cluster, "service", "back", namespace)
    deleted = time.monotonic()

    def replaced() -> bool:
        now = get(cluster, "service", "back", namespace)
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(replaced, "a new Service", timeout=2.0)
    assert time.monotonic() - deleted < 2.0


def test_a_deleted_service_is_back_within_two_seconds_by_one_write(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    apply(cluster, resource("rested", namespace))
    wait_ready(cluster, "rested", namespace)
    eventually(lambda: _events(cluster, namespace) >= 2, "Planned and Ready")
    before = len(_writes(cluster, namespace))

    delete(cluster, "service", "rested", namespace)
    deleted = time.monotonic()
    eventually(lambda: get(cluster, "service", "rested", namespace) is not None, "the Service", timeout=2.0)
    assert time.monotonic() - deleted < 2.0

    eventually(lambda: len(_writes(cluster, namespace)) == before + 1, "one write for the Service")


def test_sigterm_stops_the_operator_cleanly_and_at_once(cluster: LocalCluster, namespace: str) -> None:
    process = spawn_operator(cluster, "stopping")
    apply(cluster, *(resource(f"just-created-{number}", namespace) for number in range(10)))
    started = time.monotonic()

    process.stop()

    assert process.exit_code == 0
    assert time.monotonic() - started < 3.0
    assert "Traceback" not in process.log_tail(200)


def _writes(cluster: LocalCluster, namespace: str) -> list[AuditEvent]:
    return [
        event
        for event in cluster.audit_events()
        if event.user == USER and event.is_write and event.namespace == namespace
    ]


def _events(cluster: LocalCluster, namespace: str) -> int:
    """How many Events the operator has recorded."""
    return sum(event.resource == "events" for event in _writes(cluster, namespace))
