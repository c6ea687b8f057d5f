"""The failures that are brought about on the real API server: how, and what the status then says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.cluster.simulated_nodes import FATE_LABEL, gpu_node

# The GPU products of the nodes: with many GPUs, with one, with a taint that nobody tolerates, and one that gets lost.
PLENTY, SINGLE, TAINTED, LOST = "NVIDIA-A100-SXM4-80GB", "NVIDIA-L40S", "NVIDIA-L4", "NVIDIA-H200"

NODES = [
    *(gpu_node(f"plenty-{number}", PLENTY, count=24) for number in (1, 2, 3)),
    *(gpu_node(f"single-{number}", SINGLE, memory_mib=46068, count=1) for number in (1, 2)),
    gpu_node("lost", LOST, memory_mib=143771),
    gpu_node(
        "tainted",
        TAINTED,
        memory_mib=23034,
        taints=[{"key": "team", "value": "audio", "effect": "NoSchedule"}],
    ),
]

OOM_LOG = "[TM][FATAL][1122.22:02:30.453833][allocator.cc:49] CUDA error: out of memory\n*** stacktrace of thread ***"
HANG_LOG = "Loading: 100%|██████████| 24/24\n[TM][WARN][slab.h:136] slab_size 134217728, ratio 0.984375"
FLAG_LOG = "usage: lmdeploy [-h] [-v]\nlmdeploy: error: unrecognized arguments: --no-such-flag 1"


@dataclass(frozen=True)
class Failure:
    """One way to fail, or a near miss.

    Args:
        how: how it is brought about, in words.
        reason: reason of the condition Ready that follows.
        says: words of its message.
        misses: the reasons that it nearly has.
        stalled: whether a person must act.
        available: whether a replica serves all the same.
        spec: of the resource, besides its size.
        fate: of its pods, played by kwok, with annotations that tell more.
        pod_fate: of its first pod, once that is ready, or, with a fate of the template, once it is scheduled.
        change: a later change of the spec, once it is ready.
        namespace: where it lives; quotas hold in namespaces of their own.
    """

    how: str
    reason: str
    says: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    stalled: bool = False
    available: bool = False
    spec: dict[str, Any] = field(default_factory=dict)
    fate: dict[str, str] = field(default_factory=dict)
    pod_fate: dict[str, str] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)
    namespace: str = "failures"


def fate(name: str, **annotations: str) -> dict[str, str]:
    """Return a pod's fate: the label's value, and the annotations that tell more."""
    named = {f"internvl.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {FATE_LABEL: name, **named}


def claim(name: str) -> dict[str, Any]:
    """Return a spec that takes the model from a claim."""
    return {"model": {"source": {"persistentVolumeClaim": {"name": name}}}}


FAILURES = {
    "no-gpu": Failure(
        "three replicas on two nodes of one GPU each: the scheduler",
        "WaitingForGPU",
        ("1 x NVIDIA-L40S", "Insufficient nvidia.com/gpu"),
        available=True,
        spec={"replicas": 3, "gpu": {"product": SINGLE}},
        misses=("Unschedulable",),
    ),
    "taint": Failure(
        "a node with free GPUs has a taint: the scheduler",
        "Unschedulable",
        ("untolerated taint",),
        spec={"gpu": {"product": TAINTED}},
        misses=("WaitingForGPU",),
    ),
    "no-cpu": Failure(
        "GPUs are free, but not so many CPUs: the scheduler",
        "Unschedulable",
        ("Insufficient cpu",),
        spec={"gpu": {"product": PLENTY}, "podTemplate": {"resources": {"requests": {"cpu": "500"}}}},
        misses=("WaitingForGPU",),
    ),
    "no-claim": Failure(
        "a claim that does not exist: the scheduler",
        "VolumePending",
        ('persistentvolumeclaim "absent" not found',),
        stalled=True,
        spec=claim("absent"),
    ),
    "unbound-claim": Failure(
        "a claim that no volume is bound to: the scheduler",
        "VolumePending",
        ("unbound immediate PersistentVolumeClaims",),
        spec=claim("unbound"),
        misses=("Unschedulable",),
    ),
    "mounting": Failure(
        "a bound claim, and a node that does not get to a sandbox (PodReadyToStartContainers False)",
        "VolumePending",
        ("mounting the volumes", "kubectl describe pod"),
        spec=claim("bound"),
        fate=fate("mounting"),
        misses=("PullingImage",),
    ),
    "bound-claim": Failure(
        "a bound claim",
        "Ready",
        available=True,
        spec=claim("bound"),
        misses=("VolumePending",),
    ),
    "pulling": Failure(
        "the sandbox is there, the container is still created",
        "PullingImage",
        ("pulling the image since",),
        spec=claim("bound"),
        fate=fate("pulling"),
        misses=(
            "VolumePending",
            "ImagePullFailed",
            "Downloading",
        ),
    ),
    "image": Failure(
        "the container waits with ImagePullBackOff",
        "ImagePullFailed",
        ("Back-off pulling image", "engine.image"),
        stalled=True,
        fate=fate("image-pull-backoff"),
    ),
    "downloading": Failure(
        "the init container runs",
        "Downloading",
        ("OpenGVLab/InternVL2-1B", "since 20"),
        fate=fate("initializing"),
    ),
    "gated": Failure(
        "the init container fails with GatedRepoError",
        "DownloadFailed",
        ("tokenSecretRef", "GatedRepoError"),
        stalled=True,
        fate=fate("init-crash-loop", message="huggingface_hub.errors.GatedRepoError: 403 Client Error."),
    ),
    "offline": Failure(
        "the init container fails with a name that cannot be resolved",
        "DownloadFailed",
        ("hub cannot be reached",),
        fate=fate("init-crash-loop", message="ConnectionError: Temporary failure in name resolution"),
    ),
    "resumed": Failure(
        "the init container failed once with a timeout and runs again",
        "Downloading",
        ("again after a failure", "hub cannot be reached"),
        fate=fate("download-resumed", message="requests.exceptions.ReadTimeout: Read timed out."),
        misses=("DownloadFailed",),
    ),
    "loading": Failure(
        "the container runs and has not started",
        "LoadingWeights",
        ("loading the weights since 20", "expected: about"),
        fate=fate("not-ready"),
    ),
    "gpu-memory": Failure(
        "exit code 134, the log ends with TurboMind's error",
        "OutOfGPUMemory",
        ("CUDA error: out of memory", "nvidia-smi", "engine.cacheMaxEntryCount"),
        stalled=True,
        fate=fate("crash-loop", exit_code="134", message=OOM_LOG),
        misses=("CrashLooping",),
    ),
    "abort": Failure(
        "exit code 134 and another log",
        "CrashLooping",
        ("often means that GPU memory ran out",),
        stalled=True,
        fate=fate("crash-loop", exit_code="134", message="terminate called without an active exception"),
        misses=("OutOfGPUMemory",),
    ),
    "host-memory": Failure(
        "exit code 137, reason OOMKilled",
        "OOMKilled",
        ("not for the GPU's",),
        stalled=True,
        fate=fate("crash-loop", exit_code="137", reason="OOMKilled"),
        misses=("OutOfGPUMemory",),
    ),
    "hung": Failure(
        "SIGTERM (143) after more seconds than the startup probe's budget, never ready",
        "WarmupHung",
        ("the port stayed closed for 300 s", "engine.sessionLen", "engine.tp"),
        stalled=True,
        fate=fate("crash-loop", exit_code="143", message=HANG_LOG, lasted="312s"),
    ),
    "killed-early": Failure(
        "SIGKILL (137) within the budget, reason Error",
        "CrashLooping",
        ("exit code 137",),
        stalled=True,
        fate=fate("crash-loop", exit_code="137", message=HANG_LOG, lasted="100s"),
        misses=(
            "WarmupHung",
            "OOMKilled",
        ),
    ),
    "flags": Failure(
        "exit code 2, the log ends with argparse's error",
        "EngineRejectedFlags",
        ("unrecognized arguments: --no-such-flag", "engine.extraArgs"),
        stalled=True,
        fate=fate("crash-loop", exit_code="2", message=FLAG_LOG),
    ),
    "exit-2": Failure(
        "exit code 2 and another log",
        "CrashLooping",
        ("exit code 2", "sh: syntax error"),
        stalled=True,
        fate=fate("crash-loop", exit_code="2", message="sh: syntax error"),
        misses=("EngineRejectedFlags",),
    ),
    "secret": Failure(
        "CreateContainerConfigError, a Secret is not found",
        "SecretMissing",
        ('secret "hub" not found', "create it"),
        stalled=True,
        fate=fate("config-error", message='secret "hub" not found'),
        misses=("CreateContainerError",),
    ),
    "configmap": Failure(
        "CreateContainerConfigError, a ConfigMap is not found",
        "CreateContainerError",
        ('configmap "proxy" not found',),
        stalled=True,
        fate=fate("config-error", message='configmap "proxy" not found'),
        misses=("SecretMissing",),
    ),
    "crash": Failure(
        "exit code 1 again and again",
        "CrashLooping",
        ("exit code 1", "ValueError: no such thing", "kubectl logs"),
        stalled=True,
        fate=fate("crash-loop", message="Traceback (most recent call last):\nValueError: no such thing"),
    ),
    "quota": Failure(
        "a ResourceQuota without GPUs: the API server",
        "PodsRefused",
        ("exceeded quota", "raise the quota"),
        stalled=True,
        namespace="no-quota",
    ),
    "within-quota": Failure(
        "a ResourceQuota with one GPU",
        "Ready",
        available=True,
        namespace="some-quota",
        misses=("PodsRefused",),
    ),
    "evicted": Failure(
        "the pod fails with reason Evicted, and its successor loads",
        "Evicted",
        ("evicted", "low on resource: ephemeral-storage"),
        fate=fate("not-ready"),
        pod_fate=fate("failed", message="The node was low on resource: ephemeral-storage."),
        misses=("RejectedByNode",),
    ),
    "replaced": Failure(
        "the same, and its successor is ready",
        "Ready",
        available=True,
        pod_fate=fate("failed", message="The node was low on resource: ephemeral-storage."),
        misses=("Evicted",),
    ),
    "no-device": Failure(
        "the pod fails with reason UnexpectedAdmissionError",
        "RejectedByNode",
        ("UnexpectedAdmissionError", "no healthy devices"),
        fate=fate("not-ready"),
        pod_fate=fate("failed", reason="UnexpectedAdmissionError", message="no healthy devices present"),
        misses=("Evicted",),
    ),
    "node-lost": Failure(
        "the pod's Ready becomes False while its containers stay ready",
        "NodeLost",
        ("has not reported since 20", "kubectl describe node plenty-"),
        pod_fate=fate("node-lost"),
        misses=("EngineUnhealthy",),
    ),
    "unhealthy": Failure(
        "a pod that was ready runs, has started, and is not ready",
        "EngineUnhealthy",
        ("has not answered /health since 20",),
        pod_fate=fate("unhealthy"),
        misses=(
            "NodeLost",
            "LoadingWeights",
        ),
    ),
    "restarted": Failure(
        "a pod that was ready crashed once and loads again",
        "LoadingWeights",
        ("restarted after exit code 1",),
        pod_fate=fate("restarted"),
        misses=("CrashLooping", "EngineUnhealthy"),
    ),
    "blocked": Failure(
        "one replica serves, and the image of the next revision cannot be pulled",
        "RolloutBlocked",
        ("the old revision still serves, with 1 ready", "ImagePullFailed"),
        stalled=True,
        available=True,
        change={"podTemplate": {"labels": {FATE_LABEL: "image-pull-backoff"}}},
    ),
    "surge-refused": Failure(
        "one replica serves, and a ResourceQuota of one GPU refuses the pod of the next revision",
        "RolloutBlocked",
        ("the old revision still serves, with 1 ready", "PodsRefused", "exceeded quota"),
        stalled=True,
        available=True,
        change={"engine": {"sessionLen": 4096}},
        namespace="surge-quota",
        misses=("PodsRefused",),
    ),
    "rolling": Failure(
        "one replica serves, and the next revision loads",
        "LoadingWeights",
        available=True,
        change={"podTemplate": {"labels": {FATE_LABEL: "not-ready"}}},
        misses=("RolloutBlocked",),
    ),
}
