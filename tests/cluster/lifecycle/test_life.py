"""A resource's whole life: only the steps that must restart pods do, and each writes an object at most once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.operators.operator_process import USER, resource
from tests.cluster.waiting import apply, condition, eventually, get, get_all, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

NAME = "captions"
CHILDREN = (
    "deployment",
    "service",
    "networkpolicy",
    "poddisruptionbudget",
    "horizontalpodautoscaler",
)


class Life:
    """One resource, what its last step wrote, and whose pods serve it."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.body = resource(NAME, namespace, size="8B")
        self.pods: set[str] = set()
        self.writes: Counter[tuple[str, str]] = Counter()
        self._seen = 0

    def step(self, reached: Callable[[dict[str, Any]], bool], **spec: Any) -> set[str]:
        """Change the spec, wait until the resource is Ready and more; return the uids of pods that are gone."""
        self._seen = len(self._events())
        self.body["spec"] |= spec
        apply(self.cluster, self.body)
        eventually(lambda: reached(wait_ready(self.cluster, NAME, self.namespace)), f"{spec}", timeout=60)
        before, self.pods = self.pods, self._uids()
        events = self._events()[self._seen :]
        self.writes = Counter((event.resource, event.subresource) for event in events)
        return before - self.pods

    def children(self) -> set[str]:
        """Return the kinds of children that there are."""
        return {kind for kind in CHILDREN if get(self.cluster, kind, NAME, self.namespace)}

    def assert_written_once(self, *kinds: str) -> None:
        """Each of these kinds was written once, no other child at all, and the status as often as it changed."""
        children = {
            key[0]: count for key, count in self.writes.items() if key[1] == "" and key[0] != "events"
        }
        assert children == dict.fromkeys(kinds, 1)
        assert self.writes["internvldeployments", ""] == 0

    def _events(self) -> list[Any]:
        return [
            event
            for event in self.cluster.audit_events()
            if event.user == USER and event.is_write and event.namespace == self.namespace
        ]

    def _uids(self) -> set[str]:
        pods = get_all(self.cluster, "pods", self.namespace)
        return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def _ready(replicas: int) -> Callable[[dict[str, Any]], bool]:
    return lambda body: bool(body["status"]["readyReplicas"] == replicas)


@pytest.mark.timeout(300)
def test_only_the_steps_that_must_restart_pods_do_and_each_object_is_written_once_in_a_step(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    life = Life(cluster, namespace)

    life.step(_ready(1))
    life.assert_written_once("networkpolicies", "services", "deployments")
    (first,) = life.pods

    assert life.step(_ready(3), replicas=3) == set(), "scaling up restarts none"
    life.assert_written_once("deployments", "poddisruptionbudgets")
    assert first in life.pods

    gone = life.step(_ready(3), engine={"sessionLen": 4096})
    life.assert_written_once("deployments")
    assert len(gone) == 3, "another session length needs other pods"

    gone = life.step(_ready(3), service={"type": "NodePort"}, networkPolicy={"from": [{"podSelector": {}}]})
    life.assert_written_once("services", "networkpolicies")
    assert gone == set(), "who may reach it concerns no pod"

    gone = life.step(_ready(3), autoscaling={"minReplicas": 2, "maxReplicas": 4})
    life.assert_written_once("horizontalpodautoscalers")
    assert gone == set()

    before = life.children()
    assert len(life.step(_suspended, suspend=True)) == 3, "suspended pods are gone"
    life.assert_written_once("deployments", "horizontalpodautoscalers")
    assert before - life.children() == {"horizontalpodautoscaler"}
    suspended = get(cluster, "ivl", NAME, namespace)
    assert (suspended or {})["spec"]["replicas"] == 3

    life.step(_ready(3), suspend=False)
    life.assert_written_once("deployments", "horizontalpodautoscalers")
    assert life.children() == before

    gone = life.step(_ready(3), autoscaling={})
    life.assert_written_once("horizontalpodautoscalers")
    assert gone == set()

    gone = life.step(_ready(3), rollout={"strategy": "Surge", "surgeTimeoutSeconds": 900})
    assert gone == set(), "how the next change is made changes nothing now"

    gone = life.step(_ready(3), rollout={"restartedAt": "2026-11-22T12:00:00Z"})
    life.assert_written_once("deployments")
    assert len(gone) == 3, "a restart was asked for"

    cluster.kubectl("delete", "ivl", NAME, "-n", namespace)
    eventually(lambda: not life.children() or None, "the children are collected", timeout=60)
    eventually(lambda: not get_all(cluster, "pods", namespace) or None, "the pods are collected", timeout=60)


def _suspended(body: dict[str, Any]) -> bool:
    ready = condition(body, "Ready")
    assert ready["message"] == "0 replicas, as asked" or ready["reason"] != "Suspended"
    return bool(ready["reason"] == "Suspended")
