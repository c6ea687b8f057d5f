"""Somebody who goes on changing what the operator made is slowed down for and named, on a real API server."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.apiserver.api import MERGE
from tests.cluster.operators.operator_process import USER, resource
from tests.cluster.waiting import apply, condition, eventually, get, patch, wait_ready, wait_stalled

if TYPE_CHECKING:
    from tests.cluster.apiserver.api import Api
    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

SECONDS = 15.0
MOST_WRITES = 8
"""In 15 s: three at once, and then after 2, 4 and 8 s. Without a pause there were 51."""

CHANGES: dict[str, dict[str, Any]] = {
    "deployment": {"spec": {"revisionHistoryLimit": 7}},
    "service": {"spec": {"selector": {"app": "theirs"}}},
    "networkpolicy": {"spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}},
    "poddisruptionbudget": {"spec": {"maxUnavailable": 2}},
    "horizontalpodautoscaler": {"spec": {"maxReplicas": 4}},
}
"""By the kind of child, and the name of its resource: what somebody writes again and again."""


class Editor:
    """Somebody who writes a change 20 times a second, whether it is gone or not."""

    def __init__(self, api: Api, path: str, change: dict[str, Any], manager: str = "somebody") -> None:
        self._request = ("PATCH", path, change, MERGE)
        self._api, self._manager = api, manager
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._edit)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _edit(self) -> None:
        while not self._ended.wait(0.05):
            self._api.request(*self._request, fieldManager=self._manager)


def _writes(cluster: LocalCluster, namespace: str) -> list[AuditEvent]:
    """What the operator wrote of children."""
    return [
        event
        for event in cluster.audit_events()
        if event.user == USER
        and event.is_write
        and event.namespace == namespace
        and event.resource in {f"{kind}s".replace("policys", "policies") for kind in CHANGES}
    ]


@pytest.mark.timeout(120)
def test_a_fight_about_each_kind_of_child_slows_down_names_the_other_and_ends(
    cluster: LocalCluster, api: Api, namespace: str
) -> None:
    scaled = {"minReplicas": 2, "maxReplicas": 3}
    apply(cluster, *(resource(name, namespace, replicas=2, autoscaling=scaled) for name in CHANGES))
    for name in CHANGES:
        wait_ready(cluster, name, namespace)
    before = len(_writes(cluster, namespace))

    with ExitStack() as editors:
        for kind, change in CHANGES.items():
            editors.enter_context(Editor(api, api.kinds[kind].path(namespace, kind), change))
        began = time.monotonic()
        for name in CHANGES:
            message = wait_stalled(cluster, name, namespace, "Contested")
            assert "is changed again and again by somebody (spec." in message, name
        # What is counted is the time of the fight.
        time.sleep(max(0.0, SECONDS - (time.monotonic() - began)))
    written = [event.name for event in _writes(cluster, namespace)[before:]]
    counts = {name: written.count(name) for name in CHANGES}
    print(f"writes in {SECONDS:g} s of a fight: {counts}")
    assert max(counts.values()) <= MOST_WRITES
    assert min(counts.values()) >= 3

    # Each child is as it should be in the end.
    for name in CHANGES:
        wait_ready(cluster, name, namespace, timeout=40)


def test_an_autoscaler_of_the_deployment_is_named(cluster: LocalCluster, api: Api, namespace: str) -> None:
    apply(cluster, resource("scaled", namespace, replicas=2))
    wait_ready(cluster, "scaled", namespace)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2},
    }
    apply(cluster, autoscaler)

    # As its controller does every 15 s.
    scale = f"{api.kinds['deployment'].path(namespace, 'scaled')}/scale"
    with Editor(api, scale, {"spec": {"replicas": 1}}, "kube-controller-manager"):
        message = wait_stalled(cluster, "scaled", namespace, "Contested")

    assert "the HorizontalPodAutoscaler theirs, which is to scale the resource instead" in message


def test_a_paused_deployment_is_named_as_paused(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("paused", namespace))
    wait_ready(cluster, "paused", namespace)
    patch(cluster, "deployment", "paused", namespace, {"spec": {"paused": True}})
    change = {"engine": {"env": [{"name": "LMDEPLOY_A", "value": "new"}]}}
    patch(cluster, "ivl", "paused", namespace, {"spec": change})

    message = wait_stalled(cluster, "paused", namespace, "DeploymentPaused")

    assert "kubectl rollout resume deployment/paused" in message
    cluster.kubectl("rollout", "resume", "deployment/paused", "-n", namespace)
    wait_ready(cluster, "paused", namespace)


SIZES = range(100_000, 262_001, 18_000)


@pytest.mark.timeout(120)
def test_a_pod_template_is_made_or_refused_by_its_size_and_never_by_the_api_server(
    cluster: LocalCluster, api: Api, namespace: str
) -> None:
    """Sizes up to the 256 KiB that the API server allows all annotations of a Deployment, which hold the template."""
    for size in SIZES:
        whole, rest = divmod(size, 4096)
        notes = {f"note-{number}": "n" * 4096 for number in range(whole)} | {"rest": "n" * rest}
        body = resource(f"notes-{size}", namespace, podTemplate={"annotations": notes})
        api.request("POST", api.kinds["ivl"].path(namespace), body).granted()

    def reason(size: int) -> str | None:
        found = condition(get(cluster, "ivl", f"notes-{size}", namespace), "Ready").get("reason")
        return (
            found if found in ("Ready", "PodTemplateTooLarge", "InvalidDeployment", "InvalidSpec") else None
        )

    found = {size: eventually(lambda size=size: reason(size), f"a reason of {size}") for size in SIZES}  # type: ignore[misc]

    print(found)
    assert set(found.values()) == {"Ready", "PodTemplateTooLarge"}
    assert sorted(found, key=lambda size: (found[size] != "Ready", size)) == list(SIZES)
