"""A rollout that starts new pods beside the old ones notices when the old ones hold the GPUs that it needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from internvl_operator.diagnosis.pods import Pod, pods_of
from internvl_operator.diagnosis.surge import BlockedSurge, blocked_surge
from tests.unit.pods import at, condition, deployment, pod, unscheduled

GPU = "nvidia.com/gpu"
NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: none."
TAINT = "0/3 nodes are available: 3 node(s) had untolerated taint {maintenance: }."
OLD = pod("old", condition("Ready", True), revision="1")


def _pods(*bodies: dict[str, Any]) -> tuple[Pod, ...]:
    return pods_of(deployment(), bodies)


def test_a_new_pod_that_lacks_the_gpus_of_an_old_one_is_a_blocked_surge() -> None:
    surge = blocked_surge(_pods(OLD, unscheduled(NO_GPU, since=40, revision="2")), GPU)
    assert surge == BlockedSurge("2", datetime.fromisoformat(at(40)))


def test_a_condition_without_a_time_waits_since_the_pod_was_made() -> None:
    waiting = unscheduled(NO_GPU, since=40, revision="2")
    for item in waiting["status"]["conditions"]:
        item["lastTransitionTime"] = None

    surge = blocked_surge(_pods(OLD, waiting), GPU)

    assert surge == BlockedSurge("2", datetime.fromisoformat(waiting["metadata"]["creationTimestamp"]))


def test_an_evicted_pod_of_an_older_placement_stands_in_nobodys_way() -> None:
    evicted = pod("evicted", revision="0", placement="elsewhere", phase="Failed", reason="Evicted")
    assert blocked_surge(_pods(evicted, OLD, unscheduled(NO_GPU, revision="2")), GPU) is not None


@pytest.mark.parametrize(
    "pods",
    [
        (OLD,),
        (OLD, pod("new", condition("PodScheduled", True), revision="2")),
        (unscheduled(NO_GPU, revision="2"),),
        (OLD, unscheduled(TAINT, revision="2")),
        (OLD, unscheduled("0/1 nodes are available: 1 Insufficient cpu.", revision="2")),
        (OLD, unscheduled(NO_GPU.replace("gpu.", "gpu, 1 Insufficient cpu."), revision="2")),
        (OLD, unscheduled(NO_GPU, name="more", revision="1")),
        (OLD, unscheduled(NO_GPU, revision="2", placement="more GPUs")),
        (pod("old", revision="1", deleting=True), unscheduled(NO_GPU, revision="2")),
        (pod("old", revision="1", phase="Failed"), unscheduled(NO_GPU, revision="2")),
    ],
    ids=[
        "nothing new",
        "the new pod has a place",
        "nothing old",
        "a taint",
        "no CPU",
        "no GPU and no CPU",
        "one more replica of the same revision",
        "other GPUs or nodes than those of the old pod",
        "the old pod is going already",
        "the old pod was evicted",
    ],
)
def test_nothing_else_is(pods: tuple[dict[str, Any], ...]) -> None:
    assert blocked_surge(_pods(*pods), GPU) is None


def test_the_time_that_is_left_ends_at_zero() -> None:
    surge = BlockedSurge("x", datetime.fromisoformat(at(0)))
    assert surge.remaining_wait(300, datetime.fromisoformat(at(100))) == 200
    assert surge.remaining_wait(300, datetime.fromisoformat(at(900))) == 0
