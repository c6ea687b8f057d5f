"""Runs a benchmark as a Job of the cluster, and reads its report from the status of its pod."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from internvl_operator.bench.bench_job import CONTAINER
from internvl_operator.bench.measured_load import MeasuredLoad
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import JOB, POD
from internvl_operator.kube.objects import is_true, key_of
from internvl_operator.kube.port import KubernetesObject, ThrottledError, UnavailableError

_FIELD_MANAGER = "internvl-bench"
_POLL_SECONDS = 1.0
_WAITING = frozenset({"ContainerCreating", "PodInitializing"})
"""What a container waits for that starts as it should."""


class JobFailedError(Exception):
    """The Job made no report; the message says why."""


async def run_job(
    cluster: KubernetesClient,
    job: Mapping[str, Any],
    patience_seconds: float,
    clock: Callable[[], float],
    tell: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> MeasuredLoad:
    """Make a Job, wait until its pod has ended, and return what it measured. However this ends, the Job is deleted.

    Args:
        cluster: whose lists look into the Job's namespace.
        job: as ``bench_job`` returns it.
        patience_seconds: longest wait for the pod to end.
        clock: monotonic seconds.
        tell: called with a line of progress, such as what the pod waits for.
        sleep: waits for some seconds of that clock.

    Raises:
        JobFailedError: it made no report.
        ClusterError: the API failed.
    """
    made = await cluster.create(job, _FIELD_MANAGER)
    key, uid = key_of(made), made["metadata"]["uid"]
    tell(f"Job {key}")
    try:
        until, told = clock() + patience_seconds, ""
        while True:
            try:
                pods = await cluster.list(POD, f"batch.kubernetes.io/controller-uid={uid}")
                found = await cluster.get(JOB, key)
            except (UnavailableError, ThrottledError) as error:
                state = str(error)
            else:
                if (report := _report(pods.items)) is not None:
                    return report
                state = _state(pods.items, found)
            if clock() > until:
                raise JobFailedError(f"Job {key} did not end within {patience_seconds:g} s: {state}")
            if state and state != told:
                tell(state)
                told = state
            await sleep(_POLL_SECONDS)
    finally:
        # Also when the run is interrupted.
        await cluster.delete(JOB, key, uid)


def _report(pods: list[KubernetesObject]) -> MeasuredLoad | None:
    """Return the report of the pod that has ended, or None while there is none.

    Raises:
        JobFailedError: it ended without one.
    """
    for pod in pods:
        ended = _state_of_container(pod).get("terminated")
        if ended is None:
            continue
        message = ended.get("message") or f"{ended.get('reason')}, exit code {ended.get('exitCode')}"
        try:
            return MeasuredLoad.of(json.loads(message))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise JobFailedError(message.strip().rsplit("\n", 1)[-1]) from None
    return None


def _state(pods: list[KubernetesObject], job: Mapping[str, Any]) -> str:
    """Return what the Job waits for; empty while it measures.

    Raises:
        JobFailedError: no pod will run.
    """
    status = job.get("status", {})
    if is_true(status, "Failed"):
        failed = next(item for item in status["conditions"] if item["type"] == "Failed")
        raise JobFailedError(f"{failed.get('reason')}: {failed.get('message')}")
    if not pods:
        return "no pod yet"
    pod = pods[0]
    waiting = _state_of_container(pod).get("waiting")
    if waiting is not None and waiting.get("reason") not in _WAITING:
        return f"{waiting.get('reason')}: {waiting.get('message', '')}"
    unscheduled = next(
        (
            item
            for item in pod.get("status", {}).get("conditions", ())
            if item["type"] == "PodScheduled" and item["status"] == "False"
        ),
        None,
    )
    return f"{unscheduled.get('reason')}: {unscheduled.get('message', '')}" if unscheduled else ""


def _state_of_container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    found: Mapping[str, Any] = next(
        (status.get("state", {}) for status in statuses if status["name"] == CONTAINER), {}
    )
    return found
