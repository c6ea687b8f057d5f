"""Thousands of pods of one resource cost time in proportion, whatever their last words, and the status stays short."""

from __future__ import annotations

import json
from time import thread_time
from typing import TYPE_CHECKING

import pytest

from tests.unit.planner.test_growth import SLACK_SECONDS
from tests.unit.pods import serving, unscheduled
from tests.unit.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from internvl_operator.kube.port import KubernetesObject

FEW, MANY = 500, 2_000
MOST_SECONDS_PER_POD = 1e-3
LONGEST_STATUS = 100_000
"""Bytes, far below the 1.5 MB that an object may have."""


def crashing(number: int) -> KubernetesObject:
    pod = serving(f"pod-{number}")
    words = f"line {number}\n" * 300
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": words}}
    container = {"name": "lmdeploy", "ready": False, "restartCount": 5, "lastState": ended}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "m" * 4_000}}
    pod["status"] = {"phase": "Running", "containerStatuses": [{**container, "state": state}]}
    return pod


PODS: dict[str, Callable[[int], KubernetesObject]] = {
    "serving": lambda number: serving(f"pod-{number}"),
    "unscheduled": lambda number: unscheduled(f"0/{number} nodes: {'x' * 32_000}", name=f"pod-{number}"),
    "crashing": crashing,
}


async def seconds(make: Callable[[int], KubernetesObject], number: int) -> float:
    world = World()
    world.create(replicas=1000)
    await world.reconcile()
    pods = [make(each) for each in range(number)]
    for pod in pods:
        pod["metadata"]["labels"]["internvl.dev/revision"] = world.status["revision"]
    world.observe(*pods)
    begun = thread_time()
    await world.reconcile()
    assert len(json.dumps(world.status)) < LONGEST_STATUS
    return thread_time() - begun


@pytest.mark.parametrize("make", PODS.values(), ids=PODS)
async def test_many_pods_are_looked_at_in_time_in_proportion(
    make: Callable[[int], KubernetesObject],
) -> None:
    # Other work of the machine never saves time, and slows both alike that are measured one after the other.
    times: list[tuple[float, float]] = []
    for _ in range(3):
        times.append((min([await seconds(make, FEW) for _ in range(2)]), await seconds(make, MANY)))
        if is_in_proportion(times[-1]):
            return
    pytest.fail(f"seconds for {FEW} and for {MANY} pods, three times: {times}")


def is_in_proportion(times: tuple[float, float]) -> bool:
    few, many = times
    # Linear work takes four times as long, quadratic work sixteen times.
    return many < 8 * few + SLACK_SECONDS and many < MOST_SECONDS_PER_POD * MANY
