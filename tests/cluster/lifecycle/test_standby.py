"""Two operators of one namespace: one works and the other is ready to, or both do without a Lease."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiserver.api import Api
from tests.cluster.operators.operator_process import (
    STANDBY,
    USER,
    grant_lease,
    grant_rights,
    resource,
    spawn_operator,
)
from tests.cluster.operators.two_operators import FEW, SECONDS, Changes, TwoOperators, other
from tests.cluster.waiting import apply, eventually, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster

NAMES = [f"model-{number}" for number in range(4)]
PATIENT_SECONDS = 30
"""A lease that is not lost on a busy machine, for what is not about its end."""

QUIET_SECONDS = 5.0


@pytest.fixture
def operators(
    cluster: LocalCluster, api: Api, namespace: str, request: pytest.FixtureRequest
) -> Iterator[TwoOperators]:
    """Two operators whose lease lasts the seconds of the test's parameter."""
    grant_rights(cluster, USER, STANDBY)
    grant_lease(cluster, namespace, USER, STANDBY)
    with TwoOperators(cluster, api, namespace, request.param) as operators:
        yield operators


@pytest.mark.timeout(120)
@pytest.mark.parametrize("operators", [PATIENT_SECONDS], indirect=True)
def test_a_standby_is_ready_and_says_that_it_does_not_lead(
    cluster: LocalCluster, namespace: str, operators: TwoOperators
) -> None:
    apply(cluster, resource("served", namespace))
    wait_ready(cluster, "served", namespace)

    leader = operators.wait_for_leader().user
    standby = other(leader)

    eventually(lambda: "internvl_leader 1.0" in operators.get(leader, "metrics"), "the leader says so")
    metrics = operators.get(standby, "metrics")
    assert "internvl_leader 0.0" in metrics
    assert 'internvl_watched_objects{kind="InternVLDeployment"} 1.0' in metrics, "its cache is warm"
    assert "internvl_resources{" not in metrics, "a sum over both replicas counts each resource once"
    assert "internvl_queue_oldest_seconds 0.0" in metrics, "nothing waits for it"
    assert operators.get(standby, "healthz") == "ok"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("operators", [SECONDS], indirect=True)
def test_an_api_server_that_is_gone_for_longer_than_the_lease_costs_the_lead_and_no_change(
    cluster: LocalCluster, namespace: str, operators: TwoOperators
) -> None:
    leader = operators.wait_for_leader()
    apply(cluster, resource("before", namespace))
    wait_ready(cluster, "before", namespace)

    cluster.processes["kube-apiserver"].stop()
    try:
        eventually(lambda: not leader.process.running, f"the end of {leader}")
    finally:
        cluster.processes["kube-apiserver"].start()

    assert leader.process.exit_code == 1
    apply(cluster, resource("after", namespace))
    wait_ready(cluster, "after", namespace, timeout=60)
    operators.wait_for_leader()


@pytest.mark.timeout(120)
def test_two_operators_without_a_lease_write_twice_and_converge(
    cluster: LocalCluster, namespace: str
) -> None:
    grant_rights(cluster, USER, STANDBY)
    environment = {"INTERNVL_NAMESPACES": namespace}
    both = [spawn_operator(cluster, user, cluster.kubeconfig(user), environment) for user in (USER, STANDBY)]
    try:
        apply(cluster, *(resource(name, namespace, replicas=FEW) for name in NAMES))
        with Changes(Api(cluster.kubeconfig()), namespace, NAMES) as changes:
            eventually(lambda: changes.count >= 40, "changes", timeout=60.0)
        changes.assert_settled(cluster)

        def quiet() -> bool:
            before = len(_writes(cluster, namespace))
            time.sleep(QUIET_SECONDS)
            return len(_writes(cluster, namespace)) == before

        # The pods of the last changes come and go for a while yet.
        eventually(quiet, "an end of the writes: they undo each other's", timeout=6 * QUIET_SECONDS)
    finally:
        for process in both:
            process.stop()


def _writes(cluster: LocalCluster, namespace: str) -> list[AuditEvent]:
    """What both operators have written in a namespace."""
    return [
        event
        for event in cluster.audit_events()
        if event.is_write and event.namespace == namespace and event.user in (USER, STANDBY)
    ]
