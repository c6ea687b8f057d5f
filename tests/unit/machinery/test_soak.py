"""The pure parts of the soak: the acts that follow from a seed, what should be in the end, and the summary."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.instruments.machine import Machine
from tests.soak.oracle import unconverged
from tests.soak.plan import Act, Create, Delete, Edit, Kill, Plan, merged
from tests.soak.report import Sample, Summary, by_minute, metric_lines, slope, table
from tests.soak.stand import queue_depth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPEC = {"size": "1B", "replicas": 1, "engine": {"sessionLen": 4096}}


def acts(plan: Plan) -> Iterator[Act]:
    yield from plan.begin()
    while True:
        yield plan.next()


def body(kind: str, owner: str = "uid-1", **sections: Any) -> dict[str, Any]:
    references = [{"uid": owner}] if kind != "InternVLDeployment" else []
    metadata = {"name": "captions", "uid": "uid-1", "generation": 2, "ownerReferences": references}
    return {"kind": kind, "metadata": metadata, **sections}


def right() -> list[dict[str, Any]]:
    ready = {"type": "Ready", "status": "True"}
    container = {"command": ["lmdeploy"], "args": ["--session-len", "4096"]}
    template = {"spec": {"containers": [container]}}
    return [
        body("InternVLDeployment", status={"observedGeneration": 2, "conditions": [ready]}),
        body("Deployment", spec={"replicas": 1, "template": template}),
        body("Service"),
        body("NetworkPolicy"),
    ]


def summary(samples: Sequence[Sample], **changed: Any) -> Summary:
    values: dict[str, Any] = {
        "machine": Machine("a processor", 2, 8, 0.5, "software"),
        "seed": 1,
        "seconds": 120.0,
        "resources": 3,
        "acts": {"Edit": 5},
        "faults": {"409": 2},
        "samples": samples,
        "settle_seconds": 4.0,
        "unconverged": {},
        "final_queue_depth": 0,
        "writes_at_rest": 0,
    }
    return Summary(**(values | changed))


def test_the_same_seed_gives_the_same_acts() -> None:
    first, second = (list(islice(acts(Plan(Random(7), 20)), 500)) for _ in range(2))

    assert first == second
    assert list(islice(acts(Plan(Random(8), 20)), 500)) != first
    assert {type(act).__name__ for act in first} == {
        "AddNode", "ChangeWeather", "Create", "Delete", "Edit", "Kill", "RemoveNode"
    }  # fmt: skip


def test_the_plan_knows_what_exists_after_its_acts() -> None:
    plan = Plan(Random(7), 20)
    specs: dict[str, Any] = {}
    for act in islice(acts(plan), 500):
        match act:
            case Create(name, spec):
                specs[name] = spec
            case Edit(name, patch):
                specs[name] = merged(specs[name], patch)
            case Delete(name):
                del specs[name]

    assert plan.specs == specs
    assert 18 <= len(specs) <= 20
    assert len(plan.nodes) > plan.fewest_nodes


def test_no_kill_is_drawn_when_kills_are_over() -> None:
    plan = Plan(Random(7), 20, kills=False)

    assert not any(isinstance(act, Kill) for act in islice(acts(plan), 500))


def test_a_merge_patch_changes_adds_and_removes() -> None:
    document = {"a": {"b": 1, "c": 2}, "d": 3}

    assert merged(document, {"a": {"b": None, "e": 4}, "d": None}) == {"a": {"c": 2, "e": 4}}
    assert document == {"a": {"b": 1, "c": 2}, "d": 3}


def test_what_is_right_is_converged() -> None:
    assert unconverged({"captions": SPEC}, right()) == {}


@pytest.mark.parametrize(
    ("patch", "bodies", "line"),
    [
        ({}, [], "it does not exist"),
        ({}, right()[:3], "NetworkPolicy is missing"),
        ({"networkPolicy": {"enabled": False}}, right(), "NetworkPolicy is left over"),
        ({"autoscaling": {"maxReplicas": 2}}, right(), "HorizontalPodAutoscaler is missing"),
        ({"suspend": True}, right(), "1 replicas instead of 0"),
        ({"engine": {"sessionLen": 8192}}, right(), "--session-len is 4096 instead of 8192"),
        ({}, [*right()[:3], body("NetworkPolicy", owner="uid-0")], "NetworkPolicy is an orphan"),
    ],
)
def test_what_is_wrong_is_told(patch: dict[str, Any], bodies: list[dict[str, Any]], line: str) -> None:
    assert line in unconverged({"captions": merged(SPEC, patch)}, bodies)["captions"]


def test_what_belongs_to_no_resource_is_left_over() -> None:
    assert unconverged({}, [body("Service")]) == {"captions": ["Service is left over"]}


def test_the_slope_is_that_of_least_squares() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    assert slope([(0.0, 1.0)]) == 0.0


def test_memory_is_told_at_each_minute_and_its_growth_of_the_last_process() -> None:
    samples = [Sample(second, 50.0, 3, process=1) for second in (0.0, 30.0, 60.0)]
    samples += [Sample(90.0 + 60 * minute, 60.0 + minute, 0, process=2) for minute in range(4)]
    found = summary(samples)

    assert by_minute(samples) == [50.0, 50.0, 61.0, 62.0, 63.0]
    assert found.rss_mib_per_hour == pytest.approx(60.0)
    assert found.rss_growth_mib == pytest.approx(2.0)
    assert found.problems == []
    assert "| unconverged resources | 0 |" in table(found).splitlines()
    assert "METRIC soak_unconverged=0" in metric_lines(found)
    assert "METRIC soak_largest_queue_depth=3" in metric_lines(found)


def test_every_figure_that_should_be_zero_is_a_problem_when_it_is_not() -> None:
    samples = [Sample(0.0, 50.0, 0, 1)]
    wrong = summary(samples, unconverged={"a": ["b"]}, final_queue_depth=1, writes_at_rest=2)

    assert wrong.problems == [
        "a: b",
        "1 resources wait in the queue",
        "an operator that is started anew makes 2 writes",
    ]


def test_the_queue_depth_is_read_from_the_metrics() -> None:
    assert queue_depth("# TYPE internvl_queue_depth gauge\ninternvl_queue_depth 4.0\nother 1.0\n") == 4
