"""Each reason for which a resource is not ready, and a near miss that is told as something else."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from internvl_operator.diagnosis.diagnose import diagnose
from internvl_operator.diagnosis.finding import Finding, Outlook, Reason
from internvl_operator.planner.inventory import GpuPool, Inventory
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import PlanRequest
from tests.unit.pods import (
    REVISION,
    at,
    condition,
    container,
    deployment,
    fetching,
    placed,
    pod,
    running,
    serving,
    terminated,
    unscheduled,
    waiting,
)

PLAN = make_plan(PlanRequest(size="8B"), Inventory((GpuPool("NVIDIA-L4", 23034, 8),)))
BUDGET = 300
PROBE = {"name": "lmdeploy", "startupProbe": {"periodSeconds": 5, "failureThreshold": BUDGET // 5}}
CLAIM = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
SCRATCH = {"name": "scratch", "emptyDir": {}}

NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
TAINT = "0/3 nodes are available: 3 node(s) had untolerated taint(s)."
UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
MISSING = '0/3 nodes are available: persistentvolumeclaim "models" not found. not found'

# The ends of LMDeploy 0.18.0's logs on an H200.
OOM_LOG = (
    "Loading:  38%|███▊      | 12/32 [00:01<00:02,  7.85it/s]\n"
    "[TM][FATAL][1122.22:02:30.453833][allocator.cc:49] CUDA error: out of memory\n"
    "*** stacktrace of thread 0x7f75851636c0 ***\n  [ 0] TM_CUDA_CHECK @ allocator.cc:49\n"
)
OLD_OOM_LOG = (
    "RuntimeError: [TM][ERROR] CUDA runtime error: out of memory /lmdeploy/src/turbomind/utils/allocator.h"
)
HANG_LOG = "Loading: 100%|██████████| 24/24\r\n[TM][WARN][slab.h:136] slab_size 134217728, ratio 0.984375\n"
UNKNOWN_FLAG_LOG = (
    "usage: lmdeploy [-h] [-v] {lite,serve,check_env,chat} ...\n"
    "lmdeploy: error: unrecognized arguments: --no-such-flag 1\n"
)
BAD_CHOICE_LOG = (
    "lmdeploy serve api_server: error: argument --log-level: invalid choice: 'LOUD' (choose from 'INFO')"
)
BAD_VALUE_LOG = "lmdeploy serve api_server: error: argument --session-len: invalid int value: 'many'"
DEAD_ENGINE_LOG = (
    "lmdeploy.pytorch.engine.mp_engine.zmq_rpc.RPCServerDeadError: PyTorch ZMQ engine process is not alive."
)

QUOTA = 'pods "captions-7d9f-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1'
REPLICA_FAILURE = condition("ReplicaFailure", True, 3, "FailedCreate", QUOTA)


def crashed(code: int, log: str = "", restarts: int = 1, **how: Any) -> dict[str, Any]:
    """Return a pod whose engine has never been ready and ends again and again."""
    state = waiting("CrashLoopBackOff", "back-off 40s restarting failed container")
    return placed(container(state, terminated(code, log, **how), restarts=restarts))


def failed_download(log: str, code: int = 1, restarts: int = 1) -> dict[str, Any]:
    return fetching(container(waiting("CrashLoopBackOff"), terminated(code, log), "model", restarts=restarts))


@dataclass(frozen=True)
class Case:
    """A state of the cluster and what is told of it."""

    reason: Reason | None
    pods: list[dict[str, Any]]
    says: tuple[str, ...] = ()
    outlook: Outlook | None = None
    conditions: tuple[dict[str, Any], ...] = ()
    revision: str = REVISION
    volumes: list[dict[str, Any]] = field(default_factory=lambda: [SCRATCH])


def found(case: Case) -> Finding | None:
    body = deployment(*case.conditions)
    body["spec"] = {"template": {"spec": {"containers": [PROBE], "volumes": case.volumes}}}
    return diagnose(PLAN, body, case.pods, case.revision)


CASES = {
    "no GPU is free": Case(
        Reason.WAITING_FOR_GPU,
        [unscheduled(NO_GPU, since=3)],
        (NO_GPU, at(3), "1 x NVIDIA-L4"),
        Outlook.WAITING,
    ),
    "not it: a taint": Case(Reason.UNSCHEDULABLE, [unscheduled(TAINT)], (TAINT,), Outlook.WAITING),
    "not it: scheduled, and not yet seen by its node": Case(
        None, [pod("x", condition("PodScheduled", True))]
    ),
    "a claim is unbound": Case(Reason.VOLUME_PENDING, [unscheduled(UNBOUND)], (UNBOUND,), Outlook.WAITING),
    "a claim does not exist": Case(
        Reason.VOLUME_PENDING, [unscheduled(MISSING)], (MISSING,), Outlook.STALLED
    ),
    "volumes are mounted": Case(
        Reason.VOLUME_PENDING,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", False, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
        (at(4), "describe pod"),
        Outlook.PROGRESS,
        volumes=[SCRATCH, CLAIM],
    ),
    "not it: without a volume to mount": Case(
        None,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", False, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
    ),
    "the image is pulled": Case(
        Reason.PULLING_IMAGE,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", True, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
        (at(4),),
        Outlook.PROGRESS,
        volumes=[SCRATCH, CLAIM],
    ),
    "the image does not exist": Case(
        Reason.IMAGE_PULL_FAILED,
        [placed(container(waiting("ErrImagePull", "lmdeploy:v9: not found")))],
        ("cannot be pulled: lmdeploy:v9: not found;", "engine.image"),
        Outlook.STALLED,
    ),
    "the image does not exist, between two tries": Case(
        Reason.IMAGE_PULL_FAILED,
        [
            placed(
                container(
                    waiting(
                        "ImagePullBackOff",
                        'Back-off pulling image "lmdeploy:v9": ErrImagePull: lmdeploy:v9: not found',
                    )
                )
            )
        ],
        ("cannot be pulled: lmdeploy:v9: not found;",),
    ),
    "the downloader's image does not exist": Case(
        Reason.IMAGE_PULL_FAILED, [fetching(container(waiting("InvalidImageName"), name="model"))], ("model",)
    ),
    "the model is downloaded": Case(
        Reason.DOWNLOADING,
        [fetching(container(running(7), name="model", started=True))],
        ("OpenGVLab/InternVL2-8B, about 15", at(7)),
        Outlook.PROGRESS,
    ),
    "the download goes on after it broke off": Case(
        Reason.DOWNLOADING,
        [fetching(container(running(70), terminated(1, "ReadTimeout"), "model", restarts=1))],
        (at(70), "again after a failure"),
        Outlook.PROGRESS,
    ),
    "not it: another init container runs": Case(
        None, [fetching(container(running(7), name="istio-validation"))]
    ),
    "not it: a sidecar runs": Case(
        None, [fetching(container(running(7), name="model", ready=True, started=True))]
    ),
    "the hub is out of reach": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("requests.exceptions.ConnectionError: Name or service not known")],
        ("hub cannot be reached", "model.source.huggingFace.endpoint"),
        Outlook.WAITING,
    ),
    "the hub stays out of reach": Case(
        Reason.DOWNLOAD_FAILED,
        [fetching(container(running(70), terminated(1, "ConnectTimeout"), "model", restarts=3))],
        ("hub cannot be reached",),
        Outlook.WAITING,
    ),
    "the repository is gated": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: 1)")],
        ("tokenSecretRef",),
        Outlook.STALLED,
    ),
    "there is no such repository": Case(
        Reason.DOWNLOAD_FAILED,
        [
            failed_download(
                "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: 1)"
            )
        ],
        ("model.repository",),
        Outlook.STALLED,
    ),
    "there is no such revision, and it is tried again": Case(
        Reason.DOWNLOAD_FAILED,
        [fetching(container(running(70), terminated(1, "RevisionNotFoundError: 404 Client Error"), "model"))],
        ("model.revision",),
        Outlook.STALLED,
    ),
    "the disk is full": Case(
        Reason.DOWNLOAD_FAILED, [failed_download("OSError: [Errno 28] No space left on device")], ("is full",)
    ),
    "files are cut short": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("a/b at main is not whole: x is cut short")],
        ("model.repository",),
    ),
    "a download fails in a way that nobody foresaw": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("Boom", 7)],
        ("exit code 7: Boom", "kubectl logs"),
        Outlook.STALLED,
    ),
    "not it: the downloader is killed for its memory": Case(
        Reason.OOM_KILLED,
        [fetching(container(waiting("CrashLoopBackOff"), terminated(137, "", "OOMKilled"), "model"))],
    ),
    "the weights are loaded": Case(
        Reason.LOADING_WEIGHTS,
        [placed(container(running(12)))],
        (f"since {at(12)}; expected: about {PLAN.expected_start_seconds} s, given up after {BUDGET} s",),
        Outlook.PROGRESS,
    ),
    "the port is open, and the first answer is awaited": Case(
        Reason.LOADING_WEIGHTS, [placed(container(running(12), started=True))]
    ),
    "it loads again after it served": Case(
        Reason.LOADING_WEIGHTS,
        [
            placed(
                container(running(900), terminated(134, OOM_LOG, finished=890), restarts=1),
                ready_since=890,
            )
        ],
        ("restarted after exit code 134", "CUDA error: out of memory"),
        Outlook.PROGRESS,
    ),
    "the GPU's memory ran out": Case(
        Reason.OUT_OF_GPU_MEMORY,
        [crashed(134, OOM_LOG)],
        ("CUDA error: out of memory", "22", "of 23034 MiB", "engine.cacheMaxEntryCount", "gpu-1"),
        Outlook.STALLED,
    ),
    "the GPU's memory ran out, and it loads again": Case(
        Reason.OUT_OF_GPU_MEMORY, [placed(container(running(60), terminated(134, OOM_LOG), restarts=1))]
    ),
    "the GPU's memory ran out, engines up to 0.15": Case(
        Reason.OUT_OF_GPU_MEMORY, [crashed(1, OLD_OOM_LOG)], (OLD_OOM_LOG,)
    ),
    "the GPU's memory ran out, PyTorch": Case(
        Reason.OUT_OF_GPU_MEMORY,
        [crashed(1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96 MiB")],
    ),
    "not it: an exit code alone is a hint": Case(
        Reason.CRASH_LOOPING, [crashed(134, "core dumped")], ("often means that GPU memory ran out",)
    ),
    "not it: an engine process that died without a word is a hint": Case(
        Reason.CRASH_LOOPING, [crashed(1, DEAD_ENGINE_LOG)], ("often GPU memory",)
    ),
    "not it: the host's memory ran out": Case(
        Reason.OOM_KILLED, [crashed(137, "", reason="OOMKilled")], ("podTemplate.resources",), Outlook.STALLED
    ),
    "the warm-up hangs": Case(
        Reason.WARMUP_HUNG,
        [crashed(143, HANG_LOG, finished=10 + BUDGET + 12)],
        ("closed for 300 s", "engine.sessionLen", "engine.cacheMaxEntryCount", "engine.tp"),
        Outlook.STALLED,
    ),
    "the warm-up hangs, had to be killed, and loads again": Case(
        Reason.WARMUP_HUNG,
        [placed(container(running(500), terminated(137, OOM_LOG, finished=400), restarts=1))],
        ("CUDA error: out of memory",),
    ),
    "not it: killed before the budget was used up": Case(
        Reason.CRASH_LOOPING,
        [crashed(143, HANG_LOG, finished=10 + BUDGET - 1)],
        ("exit code 143",),
        Outlook.WAITING,
    ),
    "not it: killed after it was ready": Case(
        Reason.LOADING_WEIGHTS,
        [
            placed(
                container(running(900), terminated(143, HANG_LOG, finished=890), restarts=1), ready_since=800
            )
        ],
    ),
    "a flag is unknown": Case(
        Reason.ENGINE_REJECTED_FLAGS,
        [crashed(2, UNKNOWN_FLAG_LOG)],
        ("unrecognized arguments: --no-such-flag 1", "engine.extraArgs"),
        Outlook.STALLED,
    ),
    "a flag's value is none of its choices": Case(
        Reason.ENGINE_REJECTED_FLAGS, [crashed(2, BAD_CHOICE_LOG)], ("LOUD",)
    ),
    "a flag's value is of the wrong type": Case(
        Reason.ENGINE_REJECTED_FLAGS, [crashed(2, BAD_VALUE_LOG)], ("many",)
    ),
    "not it: exit code 2 of something else": Case(
        Reason.CRASH_LOOPING, [crashed(2, "sh: lmdeploy: not found")]
    ),
    "not it: the words with another exit code": Case(Reason.CRASH_LOOPING, [crashed(1, UNKNOWN_FLAG_LOG)]),
    "a Secret is missing": Case(
        Reason.SECRET_MISSING,
        [placed(container(waiting("CreateContainerConfigError", 'secret "hub" not found')))],
        ('secret "hub" not found', "create it"),
        Outlook.STALLED,
    ),
    "a Secret lacks a key": Case(
        Reason.SECRET_MISSING,
        [
            fetching(
                container(
                    waiting("CreateContainerConfigError", "couldn't find key token in Secret vision/hub"),
                    name="model",
                )
            )
        ],
        ("couldn't find key token in Secret vision/hub",),
    ),
    "not it: a ConfigMap is missing": Case(
        Reason.CREATE_CONTAINER_ERROR,
        [placed(container(waiting("CreateContainerConfigError", 'configmap "proxy" not found')))],
        ('configmap "proxy" not found',),
        Outlook.STALLED,
    ),
    "the runtime cannot create the container": Case(
        Reason.CREATE_CONTAINER_ERROR,
        [placed(container(waiting("RunContainerError", "nvidia-container-cli: initialization error")))],
        ("nvidia-container-cli",),
    ),
    "a quota refuses the pods": Case(
        Reason.PODS_REFUSED, [], (QUOTA, "raise the quota"), Outlook.STALLED, (REPLICA_FAILURE,)
    ),
    "not it: the refusal is over": Case(
        None, [], conditions=(condition("ReplicaFailure", False, 3, "FailedCreate", QUOTA),)
    ),
    "it crashes again and again": Case(
        Reason.CRASH_LOOPING,
        [crashed(1, "Traceback\nValueError: bad weights", restarts=4)],
        ("exit code 1", "ValueError: bad weights", "kubectl logs captions-7d9f-x -c lmdeploy --previous"),
        Outlook.STALLED,
    ),
    "it crashed once, and loads again": Case(
        Reason.CRASH_LOOPING,
        [placed(container(running(60), terminated(1, "Boom"), restarts=1))],
        outlook=Outlook.WAITING,
    ),
    "a sidecar crashes": Case(
        Reason.CRASH_LOOPING,
        [
            placed(
                container(running(10), ready=True, started=True),
                container(waiting("CrashLoopBackOff"), terminated(1, "no proxy"), name="istio-proxy"),
            )
        ],
        ("istio-proxy",),
    ),
    "a pod is evicted": Case(
        Reason.EVICTED,
        [
            pod(
                "x", condition("Ready", False, 60), phase="Failed", reason="Evicted", message="low on memory"
            ),
            placed(container(running(70)), created=61),
        ],
        ("gpu-1 evicted", "low on memory"),
        Outlook.WAITING,
    ),
    "a node shuts down": Case(
        Reason.EVICTED,
        [
            pod(
                "x",
                condition("DisruptionTarget", True, 60, "TerminationByKubelet"),
                phase="Failed",
                reason="Terminated",
            )
        ],
    ),
    "not it: its successor has been ready since": Case(
        Reason.LOADING_WEIGHTS,
        [
            pod("gone", condition("Ready", False, 60), phase="Failed", reason="Evicted"),
            placed(
                container(running(990), terminated(134, OOM_LOG, started=80, finished=980)),
                ready_since=980,
                created=61,
            ),
        ],
    ),
    "a node has no such GPU any more": Case(
        Reason.REJECTED_BY_NODE,
        [
            pod(
                "x",
                phase="Failed",
                reason="UnexpectedAdmissionError",
                message="Allocate failed due to no healthy devices",
            )
        ],
        ("UnexpectedAdmissionError", "no healthy devices"),
        Outlook.WAITING,
    ),
    "a node does not report": Case(
        Reason.NODE_LOST,
        [
            pod(
                "x",
                condition("ContainersReady", True, 50),
                condition("Ready", False, 90),
                containerStatuses=[container(running(10), ready=True, started=True)],
            )
        ],
        ("gpu-1 does not report", at(90)),
        Outlook.WAITING,
    ),
    "a node stays away": Case(
        Reason.NODE_LOST,
        [
            pod("x", condition("DisruptionTarget", True, 90, "DeletionByTaintManager"), deleting=True),
            unscheduled("", "new", created=91) | {"status": {}},
        ],
        ("gpu-1 is gone",),
    ),
    "not it: a readiness gate is closed": Case(
        None,
        [
            pod(
                "x",
                condition("ContainersReady", True, 50),
                condition("Ready", False, 90, "ReadinessGatesNotReady"),
                containerStatuses=[container(running(10), ready=True, started=True)],
            )
        ],
    ),
    "not it: drained by a person": Case(
        Reason.LOADING_WEIGHTS,
        [
            pod("x", condition("DisruptionTarget", True, 90, "EvictionByEvictionAPI"), deleting=True),
            placed(container(running(100)), created=91),
        ],
    ),
    "the engine stopped to answer": Case(
        Reason.ENGINE_UNHEALTHY,
        [placed(container(running(10), started=True), ready_since=600)],
        (at(600), "/health"),
        Outlook.WAITING,
    ),
    "old pods serve, and the new one has a taint in its way": Case(
        Reason.ROLLOUT_BLOCKED,
        [serving(revision="old"), unscheduled(TAINT, revision="new", created=60)],
        ("the old revision still serves, with 1 ready", "Unschedulable", TAINT),
        revision="new",
    ),
    "old pods serve, and a quota refuses the new one": Case(
        Reason.ROLLOUT_BLOCKED,
        [serving(revision="old"), serving("two", revision="old")],
        ("with 2 ready", "PodsRefused", QUOTA),
        Outlook.STALLED,
        (REPLICA_FAILURE,),
        revision="new",
    ),
    "not it: old pods serve, and no GPU is free": Case(
        Reason.WAITING_FOR_GPU,
        [serving(revision="old"), unscheduled(NO_GPU, revision="new", created=60)],
        ("the old revision still serves",),
        revision="new",
    ),
    "not it: old pods serve, and the new one loads": Case(
        Reason.LOADING_WEIGHTS,
        [serving(revision="old"), placed(container(running(70)), revision="new", created=60)],
        revision="new",
    ),
    "an old pod fails while none is new": Case(
        Reason.ENGINE_UNHEALTHY,
        [
            placed(container(running(10), started=True), ready_since=600, revision="old"),
            serving("new", revision="new"),
        ],
        revision="new",
    ),
    "of several pods the worst speaks": Case(
        Reason.OUT_OF_GPU_MEMORY,
        [serving(), unscheduled(NO_GPU, "b"), crashed(134, OOM_LOG), placed(container(running(12)))],
    ),
    "everything is well": Case(None, [serving()]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reason_is_found_and_says_the_next_step(case: Case) -> None:
    result = found(case)

    assert (result.reason if result else None) == case.reason
    if result:
        assert all(words in result.message for words in case.says), result.message
        assert result.outlook is (case.outlook or result.outlook)


def measured_endings() -> list[dict[str, str]]:
    file = Path(__file__).parents[1] / "measurements" / "endings-h200-lmdeploy-0.18.0.csv"
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("ending", measured_endings(), ids=lambda ending: ending["how"])
def test_each_end_that_lmdeploy_was_brought_to_is_recognised(ending: dict[str, str]) -> None:
    lasted = BUDGET + 12 if ending["reason"] == "WarmupHung" else 15
    result = found(Case(None, [crashed(int(ending["exit_code"]), ending["log_end"], finished=10 + lasted)]))

    assert result is not None
    assert result.reason == ending["reason"]


def test_the_exception_speaks_rather_than_the_advice_behind_it() -> None:
    (ending,) = [row for row in measured_endings() if row["how"] == "2B, --tp 2 on one GPU"]
    result = found(Case(None, [crashed(1, ending["log_end"])]))

    assert result is not None
    assert "saying: torch.AcceleratorError: CUDA error: invalid device ordinal;" in result.message


def test_every_reason_has_a_case() -> None:
    assert {case.reason for case in CASES.values()} - {None} == set(Reason)


def test_nothing_is_told_without_a_deployment() -> None:
    assert diagnose(PLAN, None, [serving()], None) is None


def test_a_message_does_not_change_with_the_number_of_crashes() -> None:
    early, late = (found(Case(None, [crashed(134, OOM_LOG, restarts=count)])) for count in (3, 90))
    assert early == late


def test_a_long_line_is_cut() -> None:
    result = found(Case(None, [crashed(1, "x" * 2000)]))
    assert result is not None
    assert len(result.message) < 600
