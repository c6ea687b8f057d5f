"""One after the other: the example is synced, heals, stays in sync, and goes, with either way of comparing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.argocd.sync.activity import NAME, Model
from tests.argocd.sync.applications import CLIENT_SIDE, MODELS, SECONDS, SERVER_SIDE, Applications, Example
from tests.argocd.sync.installation import RESYNC_SECONDS
from tests.cluster.operators.operator_process import spawn_operator
from tests.cluster.waiting import eventually, get, get_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.argocd.command import ArgoCD
    from tests.argocd.sync.record import Record
    from tests.argocd.sync.repository import Repository
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

WITH_EACH_DIFF = (
    Example("client-side", MODELS, CLIENT_SIDE),
    Example("server-side", MODELS, SERVER_SIDE),
)
ACTIVE_SECONDS = 300.0
CHILDREN = ("deployment", "service", "networkpolicy", "pods")

pytestmark = [pytest.mark.argocd, pytest.mark.timeout(900)]
each_diff = pytest.mark.parametrize("example", WITH_EACH_DIFF, ids=lambda example: example.name)


@each_diff
def test_the_next_wave_waits_while_the_model_is_not_ready(
    example: Example, applications: Applications, cluster: LocalCluster
) -> None:
    applications.apply(example)

    waits_for = f"waiting for healthy state of internvl.dev/InternVLDeployment/{NAME}"
    eventually(
        lambda: waits_for in applications.status(example).get("operationState", {}).get("message", ""),
        f"{example.name}: {waits_for}",
        SECONDS,
    )
    applications.compare(example)
    assert get(cluster, "deployment", "chat", example.name) is None


@each_diff
def test_the_next_wave_follows_when_the_model_is_ready(
    example: Example, applications: Applications, cluster: LocalCluster, operator: Process
) -> None:
    assert operator.running
    applications.wait_synced(example)

    assert get(cluster, "deployment", "chat", example.name) is not None
    assert applications.status(example)["operationState"]["phase"] == "Succeeded"


@each_diff
def test_a_field_of_git_that_is_changed_by_hand_is_put_back(
    example: Example, applications: Applications, cluster: LocalCluster, record: Record
) -> None:
    patch = '--patch={"spec": {"engine": {"sessionLen": 4096}}}'
    cluster.kubectl("patch", "ivl", NAME, "-n", example.name, "--type=merge", patch)

    def as_in_git() -> bool:
        body = get(cluster, "ivl", NAME, example.name)
        return body is not None and body["spec"]["engine"]["sessionLen"] == 16384

    eventually(as_in_git, "the session length of Git", SECONDS)
    applications.wait_synced(example)
    assert "OutOfSync" in {entry.sync for entry in record.entries() if entry.application == example.name}


@each_diff
def test_a_model_that_is_deleted_by_hand_is_made_again(
    example: Example, applications: Applications, cluster: LocalCluster
) -> None:
    before = get(cluster, "ivl", NAME, example.name)
    assert before is not None
    cluster.kubectl("delete", "ivl", NAME, "-n", example.name)

    def made_again() -> bool:
        now = get(cluster, "ivl", NAME, example.name)
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(made_again, "another model", SECONDS)
    applications.wait_synced(example)


def test_nothing_that_the_operator_does_is_a_difference_from_git(
    applications: Applications,
    cluster: LocalCluster,
    operator: Process,
    record: Record,
    argocd: ArgoCD,
    tmp_path: Path,
) -> None:
    happens = [
        (example, Model(cluster, example.name, argocd, tmp_path).events()) for example in WITH_EACH_DIFF
    ]
    said_before = len(record.entries())
    deadline = time.monotonic() + ACTIVE_SECONDS
    restarted = False
    while time.monotonic() < deadline:
        for example, events in happens:
            next(events)()
            applications.compare(example)
        if not restarted and time.monotonic() > deadline - ACTIVE_SECONDS / 2:
            operator.stop()
            spawn_operator(cluster, name="operator-2")
            restarted = True
    for example in WITH_EACH_DIFF:
        applications.wait_synced(example)

    said = record.entries()[said_before:]
    for example in WITH_EACH_DIFF:
        of_this = [entry for entry in said if entry.application == example.name]
        compared = {entry.compared for entry in of_this}
        print(f"{example.name}: compared {len(compared)} times, {sorted({entry.sync for entry in of_this})}")
        assert {entry.sync for entry in of_this} == {"Synced"}
        assert {entry.health for entry in of_this} >= {"Healthy", "Progressing", "Suspended"}
        assert len(compared) >= ACTIVE_SECONDS / RESYNC_SECONDS


@each_diff
def test_a_model_that_leaves_git_leaves_the_cluster_with_all_that_it_had(
    example: Example, applications: Applications, cluster: LocalCluster, repository: Repository
) -> None:
    if example.diff is CLIENT_SIDE:
        repository.remove(f"examples/argocd/models/{NAME}.yaml")
    applications.compare(example)

    eventually(lambda: get(cluster, "ivl", NAME, example.name) is None, "no model", SECONDS)
    eventually(lambda: not _children(cluster, example.name), "no children", SECONDS)
    applications.wait_synced(example)
    assert get(cluster, "deployment", "chat", example.name) is not None


@each_diff
def test_an_application_that_is_deleted_takes_along_what_it_deployed(
    example: Example, applications: Applications, cluster: LocalCluster
) -> None:
    applications.delete(example)

    eventually(lambda: not applications.exists(example), "no Application", SECONDS)
    assert get(cluster, "deployment", "chat", example.name) is None


def _children(cluster: LocalCluster, namespace: str) -> list[object]:
    kinds = ",".join(CHILDREN)
    found = get_all(cluster, kinds, namespace)
    return [item for item in found if item["metadata"].get("labels", {}).get("internvl.dev/name") == NAME]
