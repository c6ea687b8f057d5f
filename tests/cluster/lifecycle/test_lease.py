"""Two operators with a Lease of two seconds: how soon the other goes on where the leader was, to the second."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.cluster.access import ADMIN
from tests.cluster.apiserver.api import Api
from tests.cluster.operators.operator_process import (
    STANDBY,
    USER,
    grant_lease,
    grant_rights,
    resource,
)
from tests.cluster.operators.two_operators import FEW, SECONDS, Changes, Leader, TwoOperators
from tests.cluster.waiting import apply, eventually, get, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.undisturbed

ROUNDS = int(os.environ.get("LEASE_ROUNDS", "4"))
"""How often the leader is killed, and paused. `make lease` does it 20 times."""

# At any moment between two renewals, and between any two writes: the same moments in every run.
PAUSES = [random.Random(seed).uniform(0.0, SECONDS / 5) for seed in range(ROUNDS)]
NAMES = [f"model-{number}" for number in range(4)]
STORED_AS = {
    "internvldeployments": "internvl.dev/internvldeployments",
    "services": "services/specs",
    "networkpolicies": "networkpolicies",
}
"""Where etcd has the kinds that nobody but the operators and the test itself writes."""


@pytest.fixture
def operators(cluster: LocalCluster, api: Api, namespace: str) -> Iterator[TwoOperators]:
    grant_rights(cluster, USER, STANDBY)
    grant_lease(cluster, namespace, USER, STANDBY)
    with TwoOperators(cluster, api, namespace) as operators:
        yield operators


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_a_killed_leader_is_succeeded_within_the_lease_and_no_write_is_lost_or_done_twice(
    cluster: LocalCluster, namespace: str, operators: TwoOperators
) -> None:
    apply(cluster, *(resource(name, namespace, replicas=FEW) for name in NAMES))
    seconds, allowed = [], []
    with Changes(Api(cluster.kubeconfig()), namespace, NAMES) as changes:
        for pause in PAUSES:
            leader = operators.wait_for_leader()
            time.sleep(pause)
            leader.process.kill()
            killed = datetime.now(UTC)
            succession = operators.wait_for_successor(leader)
            seconds.append((succession.at - killed).total_seconds())
            allowed.append(SECONDS + succession.slowest_look)
    print(
        f"\n{ROUNDS} kills during {changes.count} changes, lease {SECONDS} s: taken over after"
        f" min {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s,"
        f" and the API server answered after {max(allowed) - SECONDS:.2f} s at worst"
    )

    changes.assert_settled(cluster)
    _assert_each_write_changed_something(cluster, namespace, operators.answers_lost)
    assert all(took <= most for took, most in zip(seconds, allowed, strict=True)), (seconds, allowed)


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_a_leader_that_was_paused_past_its_lease_starts_no_write(
    cluster: LocalCluster, namespace: str, operators: TwoOperators
) -> None:
    apply(cluster, *(resource(name, namespace, replicas=FEW) for name in NAMES))
    with Changes(Api(cluster.kubeconfig()), namespace, NAMES) as changes:
        for pause in PAUSES:
            leader = operators.wait_for_leader()
            time.sleep(pause)
            leader.process.suspend()
            operators.wait_for_successor(leader)
            resumed = datetime.now(UTC)
            leader.process.resume()

            _wait_ended(leader)

            ended = datetime.now(UTC)
            assert leader.process.exit_code == 1, leader.process.log_tail()
            written = [
                event
                for event in _writes(cluster, namespace, leader.user)
                if resumed < _time(event) < ended and not _is_refused_renewal(event)
            ]
            assert written == []
    print(f"\n{ROUNDS} pauses during {changes.count} changes: no write of a leader after its pause")

    changes.assert_settled(cluster)


@pytest.mark.timeout(120)
def test_a_leader_that_is_told_to_stop_hands_over_at_once(
    cluster: LocalCluster, namespace: str, operators: TwoOperators
) -> None:
    leader = operators.wait_for_leader()
    told = datetime.now(UTC)

    leader.process.stop()

    assert leader.process.exit_code == 0
    assert "has given the lease up" in leader.process.log_tail(200)
    assert (operators.wait_for_successor(leader).at - told).total_seconds() < SECONDS / 2
    apply(cluster, resource("after", namespace))
    wait_ready(cluster, "after", namespace)


def _assert_each_write_changed_something(cluster: LocalCluster, namespace: str, answers_lost: int) -> None:
    """Nothing was written twice: no more requests were granted than there were changes.

    There may be fewer: what was carried out for an operator that died meanwhile is not called granted. And on a
    machine so busy that an answer does not come in time, that write is repeated.
    """
    granted = Counter(
        (event.resource, event.name)
        for event in _writes(cluster, namespace, ADMIN, USER, STANDBY)
        if 200 <= event.code < 300
    )
    repeated = 0
    for name in NAMES:
        for kind, stored in STORED_AS.items():
            repeated += max(
                0, granted[kind, name] - cluster.etcd.times_stored(f"{stored}/{namespace}/{name}")
            )
        # Others write its status; its generation counts the changes of its spec.
        deployment = get(cluster, "deployment", name, namespace)
        assert deployment is not None
        repeated += max(0, granted["deployments", name] - deployment["metadata"]["generation"])
    print(f"writes that changed nothing: {repeated}; answers that did not come in time: {answers_lost}")
    assert repeated <= answers_lost


def _is_refused_renewal(event: AuditEvent) -> bool:
    """The Lease has a guard of its own: a renewal names the version that it renews. A busy server may answer 504."""
    return event.resource == "leases" and event.code in (409, 504)


def _wait_ended(leader: Leader) -> None:
    eventually(lambda: not leader.process.running, f"the end of {leader}")


def _writes(cluster: LocalCluster, namespace: str, *users: str) -> list[AuditEvent]:
    """What users have written in a namespace."""
    return [
        event
        for event in cluster.audit_events()
        if event.is_write and event.namespace == namespace and event.user in users
    ]


def _time(event: AuditEvent) -> datetime:
    return datetime.strptime(event.received, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
