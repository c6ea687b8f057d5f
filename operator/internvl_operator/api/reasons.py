"""Every reason that a condition or an Event can give: one word for programs, and what it means for people.

A test compares the tables of ``docs/failure-modes.md`` with the outlooks and docstrings here.
"""

from enum import Enum, StrEnum
from typing import Self


class Outlook(Enum):
    """What has to happen before a resource is ready."""

    DONE = "done"
    """Nothing: the resource is as its spec says."""
    PROGRESS = "progress"
    """Nothing: the resource becomes ready by itself."""
    WAITING = "waiting"
    """Something else has to change, which may happen by itself: a GPU becomes free, a node comes back."""
    STALLED = "stalled"
    """A person has to act."""


class Source(Enum):
    """Where a reason comes from."""

    POD = "pod"
    """The Deployment's pods, seen by ``diagnosis/``."""
    SPEC = "spec"
    """The spec, the plan or the API server's answer, before there are pods."""
    STATE = "state"
    """The state of a resource on which nothing is wrong."""
    CONDITION = "condition"
    """Another condition than Ready, or an Event."""


POD, SPEC, STATE, CONDITION = Source.POD, Source.SPEC, Source.STATE, Source.CONDITION
DONE, PROGRESS, WAITING, STALLED = Outlook.DONE, Outlook.PROGRESS, Outlook.WAITING, Outlook.STALLED


class Reason(StrEnum):
    """One reason: its name, its source, and its usual outlook.

    The order matters. The reasons from pods come first, and among them the most telling: when pods give several
    reasons, the first one here is reported. A ``Finding`` may have another outlook than its reason usually has.

    Example:
        >>> Reason.WAITING_FOR_GPU.outlook
        <Outlook.WAITING: 'waiting'>
    """

    source: Source
    outlook: Outlook

    def __new__(cls, name: str, source: Source, outlook: Outlook) -> Self:
        """Make a member whose value is its name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.source = source
        member.outlook = outlook
        return member

    ENGINE_REJECTED_FLAGS = "EngineRejectedFlags", POD, STALLED
    """Exit code 2, and argparse's error at the end of the log."""
    WARMUP_HUNG = "WarmupHung", POD, STALLED
    """SIGTERM or SIGKILL (143, 137) after the startup probe's whole budget; the pod was never ready."""
    OUT_OF_GPU_MEMORY = "OutOfGPUMemory", POD, STALLED
    """`CUDA error: out of memory` or the like at the end of the log."""
    OOM_KILLED = "OOMKilled", POD, STALLED
    """The container's reason is `OOMKilled`."""
    SECRET_MISSING = "SecretMissing", POD, STALLED
    """`CreateContainerConfigError`, and the message names a Secret."""
    CREATE_CONTAINER_ERROR = "CreateContainerError", POD, STALLED
    """Another `CreateContainerConfigError`, `CreateContainerError` or `RunContainerError`."""
    IMAGE_PULL_FAILED = "ImagePullFailed", POD, STALLED
    """`ErrImagePull`, `ImagePullBackOff`, `InvalidImageName`."""
    DOWNLOAD_FAILED = "DownloadFailed", POD, STALLED
    """The init container `model` fails."""
    CRASH_LOOPING = "CrashLooping", POD, STALLED
    """Any other end of a container."""
    PODS_REFUSED = "PodsRefused", POD, STALLED
    """The Deployment's condition `ReplicaFailure`."""
    ROLLOUT_BLOCKED = "RolloutBlocked", POD, STALLED
    """Pods of the old revision serve, and the new one fails."""
    WAITING_FOR_GPU = "WaitingForGPU", POD, WAITING
    """The scheduler says `Insufficient nvidia.com/gpu`."""
    UNSCHEDULABLE = "Unschedulable", POD, WAITING
    """The scheduler says something else: taints, affinity, CPU, memory, gates."""
    NODE_LOST = "NodeLost", POD, WAITING
    """The pod's `Ready` is False while its containers' are True, or it is deleted because its node is
    gone."""
    ENGINE_UNHEALTHY = "EngineUnhealthy", POD, WAITING
    """The pod was ready, runs, and is not ready."""
    REJECTED_BY_NODE = "RejectedByNode", POD, WAITING
    """The pod failed for another reason than an eviction, such as `UnexpectedAdmissionError`."""
    EVICTED = "Evicted", POD, WAITING
    """The pod failed with reason `Evicted`, or in a shutdown of its node, and none that came after it has
    been ready."""
    VOLUME_PENDING = "VolumePending", POD, PROGRESS
    """The scheduler names a claim, or the pod's condition `PodReadyToStartContainers` is False."""
    LOADING_WEIGHTS = "LoadingWeights", POD, PROGRESS
    """The engine's container runs, and its port is closed."""
    DOWNLOADING = "Downloading", POD, PROGRESS
    """The init container `model` runs."""
    PULLING_IMAGE = "PullingImage", POD, PROGRESS
    """The pod has its network and volumes, and no container yet."""

    INVALID_SPEC = "InvalidSpec", SPEC, STALLED
    """The operator cannot read the spec, for example one from an older CRD."""
    NO_GPU_KNOWN = "NoGPUKnown", SPEC, STALLED
    """The operator cannot know which GPU there will be: no node has GPUs that are known and that the pods may use."""
    DOES_NOT_FIT = "DoesNotFit", SPEC, STALLED
    """The model does not fit into the GPUs."""
    NO_KV_FOR_SESSION = "NoKVForSession", SPEC, STALLED
    """The KV cache would be too small for the engine to start."""
    SESSION_EXCEEDS_KV = "SessionExceedsKV", SPEC, STALLED
    """The KV cache would not hold one session."""
    REJECTED = "Rejected", SPEC, STALLED
    """This release of the engine refuses the combination of options."""
    LOAD_NOT_CARRIED = "LoadNotCarried", SPEC, STALLED
    """No number of replicas carries `load`: the first token takes longer than asked for, or a request is longer than
    a session."""
    NAME_CONFLICT = "NameConflict", SPEC, STALLED
    """An object of the same name belongs to someone else, and was not touched."""
    CONTESTED = "Contested", SPEC, STALLED
    """Somebody else changes a child again and again; it is put back more and more rarely, at least every 5
    minutes."""
    CACHE_CLAIM_IMMUTABLE = "CacheClaimImmutable", SPEC, STALLED
    """The claim that keeps the download has another storage class or access mode than `model.cache` now asks
    for, which a claim cannot change; everything else of the spec was applied."""
    GATEWAY_UNAVAILABLE = "GatewayUnavailable", SPEC, STALLED
    """`gateway` asks for kinds that the cluster does not serve; everything else of the spec was applied."""
    INVALID_POD_TEMPLATE = "InvalidPodTemplate", SPEC, STALLED
    """The API server refuses the Deployment."""
    POD_TEMPLATE_TOO_LARGE = "PodTemplateTooLarge", SPEC, STALLED
    """Pod template and plan are too large for the annotations in which the Deployment keeps them."""
    NEWER_OPERATOR = "NewerOperator", SPEC, STALLED
    """A newer operator made the pods, and this one cannot read that operator's record; the pods were left as they
    are."""
    SCALE_TO_ZERO_UNAVAILABLE = "ScaleToZeroUnavailable", SPEC, STALLED
    """`autoscaling.minReplicas: 0`, and the cluster lacks KEDA or its HTTP add-on; everything else of the spec was
    applied."""
    FORBIDDEN = "Forbidden", SPEC, STALLED
    """The API server forbids a write: a quota, an admission policy, or missing rights of the operator."""
    WRITE_FAILED = "WriteFailed", SPEC, WAITING
    """The API server fails at a write again and again, such as where an admission webhook does not answer; it is tried
    again, and what runs is left as it is."""
    INTERNAL_ERROR = "InternalError", SPEC, STALLED
    """The operator failed on this resource; what runs was left as it is, and it is tried again."""

    READY = "Ready", STATE, DONE
    """It serves."""
    SCALED_TO_ZERO = "ScaledToZero", STATE, DONE
    """0 replicas, as asked."""
    SUSPENDED = "Suspended", STATE, DONE
    """0 replicas, as asked."""
    DEPLOYING = "Deploying", STATE, PROGRESS
    """Pods are being made, and nothing more is known yet."""
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded", STATE, PROGRESS
    """The same, for longer than a download and the start may take; look at the pods."""
    DEPLOYMENT_PAUSED = "DeploymentPaused", SPEC, STALLED
    """Somebody paused the Deployment (`kubectl rollout pause`), so that its pods do not become what they should
    be."""
    STOPPING = "Stopping", STATE, PROGRESS
    """`suspend`, or 0 replicas: the pods are on their way out."""
    WAITING_FOR_DELETION = "WaitingForDeletion", STATE, PROGRESS
    """The children of a deleted resource of the same name are not collected yet."""

    NOT_STALLED = "NotStalled", CONDITION, DONE
    """Stalled: nobody has to act."""
    PLANNED = "Planned", CONDITION, DONE
    """Planned: there is a plan."""
    NOT_PLANNED = "NotPlanned", CONDITION, DONE
    """Planned: there is no plan yet."""
    SERVING = "Serving", CONDITION, DONE
    """Available: at least one replica answers."""
    NOT_SERVING = "NotServing", CONDITION, DONE
    """Available: no replica answers."""
    UP_TO_DATE = "UpToDate", CONDITION, DONE
    """UpdateAvailable: this operator would change nothing."""
    NEW_POD_TEMPLATE = "NewPodTemplate", CONDITION, DONE
    """UpdateAvailable: this operator would restart the pods with another pod template."""
    NOT_READY = "NotReady", CONDITION, PROGRESS
    """Event: a resource that served does not any more."""
    RECORD_IGNORED = "RecordIgnored", CONDITION, DONE
    """Event: the Deployment's record is not what the operator wrote, and is not used."""
    STATUS_REFUSED = "StatusRefused", CONDITION, DONE
    """Event: the API server refuses the new status and shows an older one; the children are as the spec says."""
    TERMINATE_FIRST = "TerminateFirst", CONDITION, DONE
    """Event: no GPU is free for a new pod while the old ones run, so that they stop before new ones start."""
    UPDATE_AVAILABLE = "UpdateAvailable", CONDITION, DONE
    """Event: this operator would restart the pods with another pod template."""


FROM_PODS = tuple(reason for reason in Reason if reason.source is Source.POD)
"""The reasons that the pods give, the most telling first."""

_OUTLOOKS = {str(reason): reason.outlook for reason in Reason}


def invalid_child(kind: str) -> str:
    """Return the reason for a child that the API server refuses as invalid.

    The reason names the kind, except for a Deployment: what the user can mend there is the pod template.
    """
    return Reason.INVALID_POD_TEMPLATE if kind == "Deployment" else f"Invalid{kind}"


def outlook_of(reason: str) -> Outlook:
    """Return the outlook of a reason; a reason that ``invalid_child`` made is STALLED."""
    return _OUTLOOKS.get(reason, Outlook.STALLED)
