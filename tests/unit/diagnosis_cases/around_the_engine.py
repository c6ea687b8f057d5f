"""What refuses or ends pods around the engine: Secrets, quotas, evictions, nodes, rollouts."""

from __future__ import annotations

from internvl_operator.api.reasons import Outlook, Reason
from tests.unit.diagnosis_cases.case import (
    NO_GPU,
    OOM_LOG,
    QUOTA,
    REPLICA_FAILURE,
    TAINT,
    Case,
    crashed,
)
from tests.unit.pods import (
    at,
    condition,
    container,
    fetching,
    placed,
    pod,
    running,
    serving,
    terminated,
    unscheduled,
    waiting,
)

CASES = {
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
        ("gpu-1 has not reported", at(90)),
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
    "a quota counts the old pods until they have ended their requests": Case(
        Reason.PODS_REFUSED,
        [serving(revision="old", deleting=True)],
        ("counts captions-old-", QUOTA),
        Outlook.WAITING,
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
