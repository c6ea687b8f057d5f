"""Which pods are a resource's own, and which revision is rolled out."""

from __future__ import annotations

import pytest

from internvl_operator.diagnosis.pods import pods_of
from internvl_operator.diagnosis.scheduling import Obstacle, scheduling_of
from tests.unit.pods import at, condition, deployment, pod, unscheduled

GPU = "nvidia.com/gpu"


def test_pods_of_another_controller_do_not_count_whatever_label_they_carry() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "captions-7d9f", "uid": "j"}
    other = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9f", "uid": "w"}
    bodies = [pod("ours"), pod("job", owner=job), pod("other", owner=other)]
    bare = pod("bare")
    bare["metadata"]["ownerReferences"] = []

    assert [found.name for found in pods_of(deployment(), [*bodies, bare])] == ["captions-7d9f-ours"]
    assert pods_of(None, bodies) == ()


PREEMPTION = " preemption: 0/4 nodes are available: 4 Insufficient nvidia.com/gpu."


@pytest.mark.parametrize(
    ("message", "obstacle"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", Obstacle.GPU),
        ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient nvidia.com/gpu.", Obstacle.GPU),
        (
            "0/4 nodes are available: 3 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s).",
            Obstacle.GPU,
        ),
        ("0/3 nodes are available: 3 Insufficient cpu.", Obstacle.OTHER),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taint {team: vision}." + PREEMPTION,
            Obstacle.OTHER,
        ),
        ("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", Obstacle.OTHER),
        ("0/3 nodes are available: 3 Insufficient nvidia.com/mig-1g.10gb.", Obstacle.OTHER),
        ("Scheduling is blocked due to non-empty scheduling gates", Obstacle.OTHER),
        (
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            Obstacle.VOLUME,
        ),
        ('0/3 nodes are available: persistentvolumeclaim "models" not found.', Obstacle.VOLUME),
        (
            "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.",
            Obstacle.VOLUME,
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.",
            Obstacle.VOLUME,
        ),
    ],
)
def test_what_the_scheduler_says_is_sorted_by_what_is_in_the_way(message: str, obstacle: Obstacle) -> None:
    found = scheduling_of(pods_of(deployment(), [unscheduled(message, since=7)]), GPU)

    assert found is not None
    assert (found.obstacle, found.since, found.message) == (obstacle, at(7), message.removesuffix(PREEMPTION))


def test_the_pod_that_waits_longest_speaks_and_one_that_is_deleted_does_not() -> None:
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    bodies = [
        unscheduled(message, "late", since=9),
        unscheduled(message, "early", since=3),
        unscheduled(message, "leaving", since=1, deleting=True),
        pod("placed", condition("PodScheduled", True)),
    ]

    found = scheduling_of(pods_of(deployment(), bodies), GPU)

    assert found is not None
    assert found.pod == "captions-7d9f-early"
    assert scheduling_of(pods_of(deployment(), bodies[2:]), GPU) is None
