"""What is told of a resource that is not ready: a reason for programs, a message for people.

Why: docs/design/008-no-durations-in-status.md
"""

from dataclasses import dataclass
from enum import Enum, StrEnum


class Outlook(Enum):
    """What has to happen before it is ready."""

    PROGRESS = "progress"
    """Nothing: it goes on by itself."""
    WAITING = "waiting"
    """Something else has to change, which may come by itself: a GPU becomes free, a node comes back."""
    STALLED = "stalled"
    """A person has to act."""


class Reason(StrEnum):
    """Why a resource is not ready, the most telling first: of several pods the first of these is told."""

    ENGINE_REJECTED_FLAGS = "EngineRejectedFlags"
    WARMUP_HUNG = "WarmupHung"
    OUT_OF_GPU_MEMORY = "OutOfGPUMemory"
    OOM_KILLED = "OOMKilled"
    SECRET_MISSING = "SecretMissing"
    CREATE_CONTAINER_ERROR = "CreateContainerError"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    DOWNLOAD_FAILED = "DownloadFailed"
    CRASH_LOOPING = "CrashLooping"
    PODS_REFUSED = "PodsRefused"
    ROLLOUT_BLOCKED = "RolloutBlocked"
    WAITING_FOR_GPU = "WaitingForGPU"
    UNSCHEDULABLE = "Unschedulable"
    NODE_LOST = "NodeLost"
    ENGINE_UNHEALTHY = "EngineUnhealthy"
    REJECTED_BY_NODE = "RejectedByNode"
    EVICTED = "Evicted"
    VOLUME_PENDING = "VolumePending"
    LOADING_WEIGHTS = "LoadingWeights"
    DOWNLOADING = "Downloading"
    PULLING_IMAGE = "PullingImage"

    @property
    def rank(self) -> int:
        """Its place among the reasons, 0 for the most telling."""
        return _RANKS[self]

    @property
    def outlook(self) -> Outlook:
        """What has to happen before the resource is ready."""
        return _OUTLOOKS.get(self, Outlook.STALLED)


_RANKS = {reason: rank for rank, reason in enumerate(Reason)}

_OUTLOOKS = {
    Reason.WAITING_FOR_GPU: Outlook.WAITING,
    Reason.UNSCHEDULABLE: Outlook.WAITING,
    Reason.NODE_LOST: Outlook.WAITING,
    Reason.ENGINE_UNHEALTHY: Outlook.WAITING,
    Reason.REJECTED_BY_NODE: Outlook.WAITING,
    Reason.EVICTED: Outlook.WAITING,
    Reason.VOLUME_PENDING: Outlook.PROGRESS,
    Reason.LOADING_WEIGHTS: Outlook.PROGRESS,
    Reason.DOWNLOADING: Outlook.PROGRESS,
    Reason.PULLING_IMAGE: Outlook.PROGRESS,
}

PROGRESS_REASONS = frozenset(reason for reason in Reason if reason.outlook is Outlook.PROGRESS)
"""Reasons that as a rule come and go while a resource becomes ready, of which nobody needs an Event."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a resource is not ready.

    Args:
        reason: one word for programs.
        message: what was seen and the next step. It holds times, never durations, so that it does not change
            with time alone.
    """

    reason: Reason
    message: str
    outlook: Outlook

    @property
    def is_stalled(self) -> bool:
        """Whether a person has to act."""
        return self.outlook is Outlook.STALLED


def finding(reason: Reason, message: str) -> Finding:
    """Return a finding with the outlook that its reason has as a rule."""
    return Finding(reason, message, reason.outlook)
