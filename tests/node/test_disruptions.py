"""What a client notices when pods are replaced: nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import Object, apply, eventually, get_all, wait_ready
from tests.node.client import Clients, ask
from tests.node.models import PORT, serving_address, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.node.cluster.real_cluster import RealCluster

pytestmark = pytest.mark.timeout(400)
MODEL = "InternVL2-1B"
TOKEN_SECONDS = 0.1
# 30 and 60 seconds, which begin before the pods are told to end, and end after it.
STORY = 300
LONG_STORY = 600
DRAIN_SECONDS = 300
ROLLOUTS = 3
REQUESTS = 500
CLIENTS = 8
READY_SECONDS = 90.0


def test_no_request_fails_and_no_story_breaks_off_while_the_pods_are_replaced_three_times(
    cluster: LocalCluster, namespace: str
) -> None:
    model = slow_to_tell("steady", namespace)
    apply(cluster, model)
    wait_ready(cluster, "steady", namespace, READY_SECONDS)
    request = partial(ask, serving_address(cluster, "steady", namespace), PORT, MODEL)
    seen = {uid(pod) for pod in wanted_pods(cluster, namespace)}
    with Clients(*[partial(request, 3)] * CLIENTS) as clients, ThreadPoolExecutor(ROLLOUTS) as storytellers:
        told, replaced_at = [], []
        for number in range(ROLLOUTS):
            told.append(storytellers.submit(request, LONG_STORY, stream=True))
            model["spec"]["rollout"]["restartedAt"] = f"2026-01-01T00:00:0{number}Z"
            apply(cluster, model)
            pods = eventually(
                partial(successors, cluster, namespace, frozenset(seen)), "new pods", READY_SECONDS
            )
            replaced_at.append(time.monotonic())
            seen |= {uid(pod) for pod in pods}
        answers = clients.stop()
        stories = [story.result() for story in told]
    assert [answer for answer in (*answers, *stories) if answer.problem] == []
    assert sum(answer.ended_at < replaced_at[-1] for answer in answers) >= REQUESTS
    # Each story was told by a pod that had been told to end by then.
    assert all(story.ended_at > end for story, end in zip(stories, replaced_at, strict=True))


def test_no_request_fails_and_no_story_breaks_off_while_a_node_is_drained(
    cluster: LocalCluster, real: RealCluster, namespace: str, cordoned: ExitStack
) -> None:
    drained, spare = real.nodes
    cordoned.callback(cluster.kubectl, "uncordon", drained, spare)
    cluster.kubectl("cordon", spare)
    apply(cluster, slow_to_tell("moved", namespace))
    wait_ready(cluster, "moved", namespace, READY_SECONDS)
    assert {pod["spec"]["nodeName"] for pod in wanted_pods(cluster, namespace)} == {drained}
    cluster.kubectl("uncordon", spare)
    request = partial(ask, serving_address(cluster, "moved", namespace), PORT, MODEL)
    with Clients(*[partial(request, 3)] * CLIENTS) as clients, ThreadPoolExecutor(2) as storytellers:
        told = [storytellers.submit(request, STORY, stream=True) for _ in range(2)]
        said = cluster.kubectl("drain", drained, "--delete-emptydir-data", f"--timeout={READY_SECONDS:g}s")
        answers = clients.stop()
        stories = [story.result() for story in told]
    assert [answer for answer in (*answers, *stories) if answer.problem] == []
    assert {pod["spec"]["nodeName"] for pod in wanted_pods(cluster, namespace)} == {spare}
    # The disruption budget let the second pod go only when the first one had a successor.
    assert said.count(f"evicting pod {namespace}/") > 2


@pytest.fixture
def cordoned() -> Iterator[ExitStack]:
    """Holds what lets pods come to the nodes again."""
    with ExitStack() as stack:
        yield stack


def slow_to_tell(name: str, namespace: str) -> Object:
    """Two pods that have more time to end than a story takes."""
    speed = {"STUB_TOKEN_SECONDS": str(TOKEN_SECONDS)}
    return stub(name, namespace, speed, replicas=2, rollout={"drainSeconds": DRAIN_SECONDS})


def successors(cluster: LocalCluster, namespace: str, before: frozenset[str]) -> list[Object] | None:
    """Two ready pods that were not there before, when no other one is wanted any longer."""
    pods = wanted_pods(cluster, namespace)
    complete = len(pods) == 2 and all(uid(pod) not in before and is_ready(pod) for pod in pods)
    return pods if complete else None


def wanted_pods(cluster: LocalCluster, namespace: str) -> list[Object]:
    """The pods that nobody has told to end."""
    return [pod for pod in get_all(cluster, "pods", namespace) if "deletionTimestamp" not in pod["metadata"]]


def uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])


def is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any((item["type"], item["status"]) == ("Ready", "True") for item in conditions)
