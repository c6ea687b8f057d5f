"""`internvl bench` on a real API server: figures in the status that the operator leaves alone, and the Job."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.bench.bench_job import CONTAINER, LABEL, bench_job
from internvl_operator.bench.in_cluster_bench import run_job
from internvl_operator.bench.measured_load import FIELD_MANAGER, MeasuredLoad, performance_patch
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.credentials import load_credentials
from internvl_operator.kube.kinds import JOB, RESOURCE
from internvl_operator.kube.port import Key
from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, eventually, get, get_all, patch, wait_ready
from tests.load_test.test_documents import measured

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
def kubeconfig(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(cluster.kubeconfig())
    )


async def save(namespace: str, failures: dict[str, int]) -> dict[str, Any]:
    async with KubernetesClient(partial(load_credentials, None), [namespace]) as client:
        body = await client.get(RESOURCE, Key(namespace, "fast"))
        one = measured(OfferedLoad(concurrency=32), failures)
        change = performance_patch(body, one, datetime.now(UTC), "service", 1)
        written = await client.patch_status(change, FIELD_MANAGER)
        assert written["status"]["performance"] == change["status"]["performance"]
        performance: dict[str, Any] = change["status"]["performance"]
        return performance


@pytest.mark.usefixtures("kubeconfig")
def test_the_operators_next_status_keeps_the_performance(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, resource("fast", namespace))
    wait_ready(cluster, "fast", namespace)
    asyncio.run(save(namespace, {"timeout": 3}))
    performance = asyncio.run(save(namespace, {}))

    apply(cluster, resource("fast", namespace, replicas=2))

    def scaled() -> dict[str, Any] | None:
        status: dict[str, Any] = (get(cluster, "ivl", "fast", namespace) or {}).get("status", {})
        return status if status.get("ready") == "2/2" else None

    assert eventually(scaled, "the operator writes the status")["performance"] == performance
    shown = json.loads(
        cluster.kubectl("get", "ivl", "fast", "-n", namespace, "-o", "json", "--show-managed-fields")
    )
    owners = {
        entry["manager"]
        for entry in shown["metadata"]["managedFields"]
        if "f:performance" in entry["fieldsV1"].get("f:status", {})
    }
    assert owners == {FIELD_MANAGER}


@pytest.mark.usefixtures("kubeconfig")
def test_the_job_is_made_its_report_read_and_it_is_deleted(cluster: LocalCluster, namespace: str) -> None:
    """The pod's end is written here: simulated nodes run no command."""
    apply(cluster, resource("fast", namespace))
    report = measured(OfferedLoad(concurrency=2)).document()

    def end() -> None:
        pods = eventually(
            lambda: get_all(cluster, "pods", namespace, labelSelector=f"{LABEL}=fast") or None,
            "the Job's pod",
        )
        ended = {"exitCode": 0, "reason": "Completed", "message": json.dumps(report)}
        own = {"name": CONTAINER, "image": "i", "imageID": "i", "ready": False, "restartCount": 0}
        status = {"phase": "Succeeded", "containerStatuses": [own | {"state": {"terminated": ended}}]}
        patch(cluster, "pod", pods[0]["metadata"]["name"], namespace, {"status": status}, "status")

    async def measure() -> MeasuredLoad:
        async with KubernetesClient(partial(load_credentials, None), [namespace]) as client:
            body = await client.get(RESOURCE, Key(namespace, "fast"))
            job = bench_job(body, "http://fast.svc:23333/v1", "example.com/operator:1", ["--seconds=1"], 300)
            ending = asyncio.create_task(asyncio.to_thread(end))
            found = await run_job(client, job, 60, time.monotonic, lambda _: None)
            await ending
            return found

    assert asyncio.run(measure()).document() == report

    eventually(lambda: get_all(cluster, JOB.plural, namespace) == [], "the Job is deleted")
