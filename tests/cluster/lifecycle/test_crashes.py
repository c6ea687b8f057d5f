"""Killed between any two writes, cut off, or without nodes: everything is completed, nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiserver.proxy import AfterEachWrite, ApiProxy
from tests.cluster.operators.operator_process import USER, resource, spawn_operator
from tests.cluster.waiting import apply, condition, eventually, get, get_all, wait_ready

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

RESOURCES = 50
WRITES = RESOURCES * 4
"""The writes that 50 creations need at the least: a status and three children each."""

KILLED_AFTER = (1, 2, 3, 7, 20, 51, 77, 110, 149, 199)
"""The operator ends right after each of these writes, and another one takes over: ten ends in one run."""


@pytest.mark.timeout(300)
async def test_killed_between_two_writes_ten_times_the_last_operator_completes_everything(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    names = [f"model-{number:02}" for number in range(RESOURCES)]
    apply(cluster, *(resource(name, namespace, replicas=0) for name in names))
    environment = {"INTERNVL_NAMESPACES": namespace}
    due = list(KILLED_AFTER)
    killed_at: list[int] = []
    killed = asyncio.Event()

    async def kill(writes: int) -> None:
        # What a dead operator has sent already may still arrive, as it does at a real API server.
        if due and writes >= due[0] and cluster.processes["victim"].running:
            cluster.processes["victim"].kill()
            due.pop(0)
            killed_at.append(writes)
            killed.set()

    respond = AfterEachWrite(kill)
    async with ApiProxy(cluster, USER, respond) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path / "kubeconfig")
        while due:
            killed.clear()
            await asyncio.to_thread(spawn_operator, cluster, "victim", kubeconfig, environment, wait=False)
            await asyncio.wait_for(killed.wait(), 60)
    assert len(set(killed_at)) == len(KILLED_AFTER)
    assert killed_at[-1] < WRITES + len(KILLED_AFTER), "the last one was killed in the middle too"

    successor = await asyncio.to_thread(spawn_operator, cluster, "successor", None, environment)
    try:
        await asyncio.to_thread(_wait_all_ready, cluster, namespace)
        _assert_complete(cluster, namespace, names)
    finally:
        successor.stop()


def test_with_the_nodes_gone_silent_nothing_becomes_ready(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    assert operator.running
    cluster.processes["kwok"].stop()
    try:
        apply(cluster, resource("waiting", namespace))
        eventually(lambda: get_all(cluster, "pods", namespace) != [], "a pod")
        eventually(
            lambda: (get(cluster, "ivl", "waiting", namespace) or {}).get("status", {}).get("replicas") == 1,
            "the pod in the status",
        )
        body = get(cluster, "ivl", "waiting", namespace)
        assert condition(body, "Ready")["status"] == "False"
        assert condition(body, "Reconciling")["status"] == "True"
    finally:
        cluster.processes["kwok"].start()
    wait_ready(cluster, "waiting", namespace)


@pytest.mark.timeout(120)
def test_a_stopped_api_server_is_waited_for_and_nothing_is_lost(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    apply(cluster, resource("before", namespace))
    wait_ready(cluster, "before", namespace)

    cluster.processes["kube-apiserver"].stop()
    cluster.processes["kube-apiserver"].start()

    apply(cluster, resource("after", namespace))
    wait_ready(cluster, "after", namespace, timeout=60)
    assert operator.running


def _wait_all_ready(cluster: LocalCluster, namespace: str) -> None:
    def ready() -> bool:
        bodies = get_all(cluster, "ivl", namespace)
        return all(condition(body, "Ready").get("status") == "True" for body in bodies)

    eventually(ready, f"all {RESOURCES} resources Ready", timeout=90)


def _assert_complete(cluster: LocalCluster, namespace: str, names: list[str]) -> None:
    uids = {body["metadata"]["name"]: body["metadata"]["uid"] for body in get_all(cluster, "ivl", namespace)}
    for kind in ("deployments", "services", "networkpolicies"):
        children = get_all(cluster, kind, namespace)
        assert Counter(child["metadata"]["name"] for child in children) == Counter(names), kind
        for child in children:
            (owner,) = child["metadata"]["ownerReferences"]
            assert owner["uid"] == uids[child["metadata"]["name"]], json.dumps(child["metadata"])
