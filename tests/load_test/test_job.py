"""The Job that measures from within the cluster: what it may, what it is told, and how it ends."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from internvl_operator.bench.bench_job import CONTAINER, REPORT_PATH, bench_job
from internvl_operator.bench.in_cluster_bench import JobFailedError, run_job
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.kube.kinds import JOB
from internvl_operator.kube.port import Key, Kind, ObjectList, UnavailableError
from tests.load_test.test_documents import measured
from tests.load_test.virtual_time import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from internvl_operator.bench.measured_load import MeasuredLoad
    from internvl_operator.kube.client import KubernetesClient

URL = "http://captions.vision.svc:23333/v1"
REPORT = json.dumps(measured(OfferedLoad(concurrency=2)).document())


def job(**server: Any) -> dict[str, Any]:
    body = {
        "metadata": {"name": "captions", "namespace": "vision"},
        "spec": {"size": "8B", "server": server},
    }
    return bench_job(body, URL, "registry.example.com/operator:1", ["--seconds=30"], 600)


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def test_the_pod_keeps_to_the_restricted_pod_security_standard_and_has_no_rights() -> None:
    pod = pod_of(job())
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod["volumes"] == container["volumeMounts"] == container["env"] == []


def test_it_runs_the_command_once_and_writes_its_report_into_the_pods_status() -> None:
    manifest = job()
    (container,) = pod_of(manifest)["containers"]
    assert container["args"] == ["bench", URL, "--seconds=30", "--report", REPORT_PATH]
    assert container["terminationMessagePath"] == REPORT_PATH
    assert (manifest["spec"]["backoffLimit"], manifest["spec"]["activeDeadlineSeconds"]) == (0, 600)


def test_the_key_and_the_certificate_come_from_the_secrets_and_the_servers_own_key_does_not() -> None:
    pod = pod_of(job(apiKeySecretRef={"name": "keys", "key": "engine"}, tlsSecretRef={"name": "tls"}))
    (container,) = pod["containers"]
    (variable,) = container["env"]
    assert variable["name"] == "INTERNVL_API_KEY"
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "keys", "key": "engine"}}
    (volume,) = pod["volumes"]
    assert volume["secret"]["items"] == [{"key": "tls.crt", "path": "tls.crt"}]
    assert container["args"][-2:] == ["--ca-file", f"{container['volumeMounts'][0]['mountPath']}/tls.crt"]


def test_a_long_name_leaves_room_for_the_pods_own() -> None:
    body = {"metadata": {"name": "a" * 63, "namespace": "vision"}, "spec": {"size": "8B"}}
    assert len(bench_job(body, URL, "i", [], 1)["metadata"]["generateName"]) <= 52


class Cluster:
    """A cluster whose pod goes through states, one at each look."""

    def __init__(
        self, *states: dict[str, Any] | Exception | None, job_status: dict[str, Any] | None = None
    ) -> None:
        self.states = list(states)
        self.job_status = job_status or {}
        self.deleted: list[Key] = []

    async def create(self, manifest: dict[str, Any], manager: str) -> dict[str, Any]:
        assert manager == "internvl-bench"
        return manifest | {"metadata": {"name": "captions-bench-x", "namespace": "vision", "uid": "uid"}}

    async def list(self, kind: Kind, selector: str) -> ObjectList:
        assert kind.kind == "Pod"
        assert selector == "batch.kubernetes.io/controller-uid=uid"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return ObjectList([] if state is None else [{"status": state}], 1)

    async def get(self, kind: Kind, key: Key) -> dict[str, Any]:
        assert (kind, key) == (JOB, Key("vision", "captions-bench-x"))
        return {"status": self.job_status}

    async def delete(self, kind: Kind, key: Key, uid: str) -> None:
        assert (kind, uid) == (JOB, "uid")
        self.deleted.append(key)


def state(**container: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": CONTAINER, "state": container}]}


def ended(message: str, code: int = 0) -> dict[str, Any]:
    return state(terminated={"message": message, "exitCode": code, "reason": "Completed"})


def result(cluster: Cluster, told: list[str] | None = None, patience: float = 60) -> MeasuredLoad:
    async def work() -> MeasuredLoad:
        clock = asyncio.get_running_loop().time
        tell = (told if told is not None else []).append
        return await run_job(cast("KubernetesClient", cluster), job(), patience, clock, tell)

    found = run(work())
    assert cluster.deleted == [Key("vision", "captions-bench-x")]
    return found


def test_the_report_is_read_from_the_status_and_the_job_deleted() -> None:
    cluster = Cluster(None, state(waiting={"reason": "ContainerCreating"}), state(running={}), ended(REPORT))
    assert result(cluster).document() == json.loads(REPORT)


def test_a_measurement_with_failed_requests_ends_with_1_and_has_a_report() -> None:
    assert result(Cluster(ended(REPORT, 1))).document() == json.loads(REPORT)


def test_what_the_pod_waits_for_is_told_once() -> None:
    told: list[str] = []
    pending = {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
        ]
    }
    pulling = state(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    result(Cluster(pending, pending, UnavailableError("away"), pulling, pulling, ended(REPORT)), told)
    assert told == [
        "Job vision/captions-bench-x",
        "Unschedulable: 0/1 nodes",
        "away",
        "ImagePullBackOff: no such image",
    ]


def _changed(**fields: Any) -> str:
    return json.dumps({**json.loads(REPORT), **fields})


@pytest.mark.parametrize(
    "report",
    [
        "[]",
        "5",
        "null",
        "[" * 4000,
        "{}",
        _changed(requests="many"),
        _changed(requests=True),
        _changed(ttftSeconds={"p50": "a", "p95": 1, "p99": 1}),
        _changed(ttftSeconds={"p50": 1}),
        _changed(ttftSeconds=[1, 2, 3]),
        _changed(requestsPerSecond=1e999),
        _changed(failures=["a"]),
        _changed(failures={"timeout": "often"}),
        _changed(load=5),
        _changed(load={"images": 1, "imageSize": "9x9x9", "promptTokens": 1, "outputTokens": 1}),
        _changed(load={"images": "\x1b[2J", "promptTokens": 1, "outputTokens": 1}),
        _changed(model=5),
        _changed(model=None),
        _changed(seconds=10**400),
    ],
)
def test_a_report_that_none_of_ours_would_write_is_none(report: str) -> None:
    with pytest.raises(JobFailedError):
        result(Cluster(ended(report)))


FAILED = {
    "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "late"}]
}


@pytest.mark.parametrize(
    ("states", "job_status", "message"),
    [
        ([ended("a line\ninternvl bench: no connection", 1)], {}, "^internvl bench: no connection$"),
        ([state(terminated={"reason": "OOMKilled", "exitCode": 137})], {}, "OOMKilled, exit code 137"),
        ([None], FAILED, "DeadlineExceeded: late"),
        (
            [state(waiting={"reason": "ImagePullBackOff", "message": "no such image"})],
            {},
            "did not end within 60 s: ImagePullBackOff: no such image",
        ),
    ],
)
def test_a_job_without_a_report_says_why_and_is_deleted(
    states: Sequence[dict[str, Any]], job_status: dict[str, Any], message: str
) -> None:
    cluster = Cluster(*states, job_status=job_status)
    with pytest.raises(JobFailedError, match=message):
        result(cluster)
    assert cluster.deleted == [Key("vision", "captions-bench-x")]
