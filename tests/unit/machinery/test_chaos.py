"""The pure parts of the chaos runs: the comparison of states, the schedules of faults, and the report."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from internvl_operator.kube.kinds import CHILDREN
from tests.bench.instruments.machine import Machine
from tests.chaos.disturbances.faults import EveryWrite, Injector, ShareOfRequests, answered
from tests.chaos.report import MOST_RSS_GROWTH_MIB, Report, Result, faults_by_kind, metric_lines, table
from tests.chaos.run import Outcome, most_writes
from tests.chaos.scenario import STAGES, Create, Delete
from tests.chaos.state import KINDS, NOBODY, differences, missing_kinds, state_of
from tests.unit.world import World


def resource(uid: str = "uid-1", generation: int = 1, observed: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "InternVLDeployment",
        "metadata": {"name": "captions", "uid": uid, "generation": generation, **metadata},
        "status": {
            "observedGeneration": observed,
            "conditions": [
                {"type": "Ready", "observedGeneration": observed, "lastTransitionTime": f"at {uid}"}
            ],
        },
    }


def service(owner: str, uid: str = "uid-s", port: int = 80) -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {
            "name": "captions",
            "uid": uid,
            "resourceVersion": uid,
            "creationTimestamp": uid,
            "ownerReferences": [{"kind": "InternVLDeployment", "name": "captions", "uid": owner}],
            "managedFields": [{"time": uid, "manager": "a", "fieldsV1": {f'k:{{"uid":"{owner}"}}': {}}}],
        },
        "spec": {"clusterIP": f"10.96.0.{len(uid)}", "ports": [{"port": port}]},
    }


def exchange(method: str = "PATCH") -> Any:
    return SimpleNamespace(is_write=method != "GET", is_watch=False)


def outcome(*problems: str, writes: int = 60, **injected: int) -> Outcome:
    return Outcome(problems, injected, writes, seconds=2.0)


def test_states_are_equal_but_for_identity_time_addresses_and_the_number_of_edits() -> None:
    first = state_of([resource("uid-1", 1, 1), service("uid-1", "uid-s")])
    second = state_of([resource("uid-222", 7, 7), service("uid-222", "uid-sss")])

    assert differences(first, second) == []


def test_which_replica_set_a_deployment_names_is_no_difference_but_that_it_progresses_is() -> None:
    def deployment(message: str, reason: str = "NewReplicaSetAvailable") -> dict[str, Any]:
        condition = {"type": "Progressing", "status": "True", "reason": reason, "message": message}
        metadata = {"name": "cached", "uid": "1", "generation": 2}
        return {"kind": "Deployment", "metadata": metadata, "status": {"conditions": [condition]}}

    one, other, slow = deployment("a"), deployment("b"), deployment("b", "ReplicaSetUpdated")
    assert differences(state_of([one]), state_of([other])) == []
    assert len(differences(state_of([one]), state_of([slow]))) == 1


def test_the_order_of_conditions_is_no_difference() -> None:
    first, second = resource(), resource()
    second["status"]["conditions"] = [{"type": "Available"}, *second["status"]["conditions"]]
    first["status"]["conditions"] = [*first["status"]["conditions"], {"type": "Available"}]

    assert differences(state_of([first]), state_of([second])) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([resource()], "Service/captions is missing"),
        (
            [resource(), service("uid-1"), resource("uid-2", name="other")],
            "InternVLDeployment/other is left over",
        ),
        ([resource(), service("uid-1", port=81)], "Service/captions.spec.ports[0].port: 81 instead of 80"),
    ],
)
def test_a_difference_is_told_by_object_and_field(found: list[dict[str, Any]], line: str) -> None:
    expected = state_of([resource(), service("uid-1")])

    assert differences(expected, state_of(found)) == [line]


def test_an_orphan_and_a_status_that_lags_behind_are_differences() -> None:
    expected = state_of([resource(), service("uid-1")])
    found = state_of([resource(generation=2, observed=1), service("uid-0")])

    lines = "\n".join(differences(expected, found))

    assert 'InternVLDeployment/captions.status.observedGeneration: "behind" instead of "current"' in lines
    assert f'Service/captions.metadata.ownerReferences[0].owner: "{NOBODY}" instead of' in lines


def test_kinds_that_no_state_has_are_named() -> None:
    states = [state_of([resource()]), state_of([service("uid-1")])]

    assert missing_kinds(states) == [
        kind.kind for kind in KINDS if kind.kind not in ("InternVLDeployment", "Service")
    ]


def test_every_third_write_is_hit_and_no_read() -> None:
    schedule = EveryWrite(3)

    assert [schedule(exchange()) for _ in range(6)] == [False, False, True] * 2
    assert not any(schedule(exchange("GET")) for _ in range(6))


def test_a_schedule_of_writes_may_end() -> None:
    schedule = EveryWrite(1, most=2)

    assert [schedule(exchange()) for _ in range(4)] == [True, True, False, False]


def test_a_share_of_requests_is_hit_the_same_in_every_run() -> None:
    hits = [[schedule(exchange()) for _ in range(1000)] for schedule in _shares(0.4)]

    assert hits[0] == hits[1]
    assert 350 < sum(hits[0]) < 450


def _shares(share: float) -> list[ShareOfRequests]:
    return [ShareOfRequests(share, Random(1)) for _ in range(2)]


def test_faults_take_turns_and_are_counted() -> None:
    injector = Injector(EveryWrite(1), {"409": answered(409), "503": answered(503)})

    answers = [asyncio.run(_answer(injector)) for _ in range(3)]

    assert answers == [409, 503, 409]
    assert injector.injected == {"409": 2, "503": 1}


async def _answer(injector: Injector) -> int:
    answer = await injector(exchange())
    assert answer is not None
    return answer.status


def test_a_fault_may_cost_some_writes_and_no_more() -> None:
    assert most_writes(undisturbed=40, faults=0, allowance=4) == 50
    assert most_writes(undisturbed=40, faults=5, allowance=4) == 70


async def test_the_scenario_has_every_kind_of_child() -> None:
    made: set[str] = set()
    for act in (act for stage in STAGES for act in stage.acts):
        if isinstance(act, Create):
            world = World(CHILDREN)
            world.create(**act.spec)
            await world.reconcile()
            made |= {child["kind"] for child in world.cluster.applied}
    assert made == CHILDREN.keys()


def test_the_scenario_leaves_nothing() -> None:
    there: set[str] = set()
    for act in (act for stage in STAGES for act in stage.acts):
        if isinstance(act, Create):
            there.add(act.name)
        if isinstance(act, Delete):
            there.remove(act.name)

    assert there == set()


def test_the_report_counts_runs_and_faults() -> None:
    machine = Machine("a processor", 2, 8, 0.5, "software")
    good = Result("409", [outcome(conflict=3), outcome(conflict=4, writes=64)], 0.5)
    bad = Result("killed", [outcome("after create: a Service is missing", kill=1)], None)
    grown = Result("events", [outcome(event=1)], MOST_RSS_GROWTH_MIB + 1)
    report = Report(machine, 55, [good, bad, grown])

    assert report.problems == [
        "killed: run 1: after create: a Service is missing",
        f"events: memory grew by {MOST_RSS_GROWTH_MIB + 1:.1f} MiB",
    ]
    assert "| 409 | 7 x conflict | 2 | 2 | 60 to 64 | 4 | 0.5 |" in table(report).splitlines()
    assert "| killed | 1 x kill | 1 | 0 | 60 | 2 |  |" in table(report).splitlines()
    assert faults_by_kind(report).splitlines() == ["7  conflict", "1  event", "1  kill"]
    assert metric_lines(report)[:3] == [
        "METRIC chaos_runs=4",
        "METRIC chaos_equal=3",
        "METRIC chaos_faults=9",
    ]
