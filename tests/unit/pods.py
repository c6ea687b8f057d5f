"""Pods as the kubelet, the scheduler and the node controller leave them."""

from __future__ import annotations

from typing import Any

CREATED = "2026-01-01T00:00:00Z"
NAME, REVISION = "captions", "7d9f"


def at(seconds: int) -> str:
    """Return a time of the first hour of the test's day."""
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"


def condition(
    type_: str, status: bool, since: int = 0, reason: str = "", message: str = ""
) -> dict[str, Any]:
    """Return a condition whose status changed so many seconds after the pod was created."""
    return {
        "type": type_,
        "status": str(status),
        "reason": reason,
        "message": message,
        "lastTransitionTime": at(since),
    }


def pod(
    name: str = "x",
    *conditions: dict[str, Any],
    revision: str = REVISION,
    placement: str = "a place",
    created: int = 0,
    node: str = "gpu-1",
    owner: dict[str, Any] | None = None,
    deleting: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """Return a pod of the Deployment, or of another controller."""
    replica_set = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{NAME}-{revision}", "uid": "rs"}
    metadata: dict[str, Any] = {
        "name": f"{NAME}-{revision}-{name}",
        "namespace": "vision",
        "uid": name,
        "resourceVersion": "1",
        "creationTimestamp": at(created),
        "labels": {
            "internvl.dev/name": NAME,
            "internvl.dev/revision": revision,
            "pod-template-hash": revision,
        },
        "annotations": {"internvl.dev/placement": placement},
        "ownerReferences": [(owner or replica_set) | {"controller": True}],
    }
    if deleting:
        metadata["deletionTimestamp"] = at(created + 30)
    return {
        "metadata": metadata,
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Pending", "conditions": list(conditions), **status},
    }


def unscheduled(message: str, name: str = "x", since: int = 0, **more: Any) -> dict[str, Any]:
    """Return a pod that the scheduler places nowhere."""
    found = condition("PodScheduled", False, since, "Unschedulable", message)
    return pod(name, found, node="", **more)


def deployment(*conditions: dict[str, Any], **status: Any) -> dict[str, Any]:
    """Return the Deployment of those pods."""
    return {
        "metadata": {"name": NAME, "namespace": "vision", "generation": 1},
        "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the state of a container that waits."""
    return {"waiting": {"reason": reason, "message": message}}


def running(since: int) -> dict[str, Any]:
    """Return the state of a container that runs since so many seconds after its pod was created."""
    return {"running": {"startedAt": at(since)}}


def terminated(
    code: int, message: str = "", reason: str = "Error", started: int = 10, finished: int = 40
) -> dict[str, Any]:
    """Return the state of a container that has ended, with the end of its log."""
    times = {"startedAt": at(started), "finishedAt": at(finished)}
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, **times}}


def container(
    state: dict[str, Any],
    last: dict[str, Any] | None = None,
    name: str = "lmdeploy",
    ready: bool = False,
    started: bool = False,
    restarts: int = 0,
) -> dict[str, Any]:
    """Return the status of a container."""
    return {
        "name": name,
        "ready": ready,
        "started": started,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }


def placed(*containers: dict[str, Any], ready_since: int = 0, **more: Any) -> dict[str, Any]:
    """Return a pod on its node that is not ready, with these containers."""
    conditions = [
        condition("PodScheduled", True),
        condition("Initialized", True, 5),
        condition("ContainersReady", False, ready_since, "ContainersNotReady"),
        condition("Ready", False, ready_since, "ContainersNotReady"),
    ]
    return pod("x", *conditions, **{"phase": "Running", "containerStatuses": list(containers)} | more)


def fetching(downloader: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a pod whose init container fetches the model."""
    engine = container(waiting("PodInitializing"))
    conditions = [condition("Initialized", False), condition("Ready", False)]
    statuses: dict[str, Any] = {"initContainerStatuses": [downloader], "containerStatuses": [engine]}
    return pod("x", *conditions, **statuses, **more)


def serving(name: str = "old", **more: Any) -> dict[str, Any]:
    """Return a pod that is ready."""
    conditions = [condition("Initialized", True, 5), condition("ContainersReady", True, 50)]
    engine = container(running(10), ready=True, started=True)
    statuses: dict[str, Any] = {"phase": "Running", "containerStatuses": [engine]}
    return pod(name, *conditions, condition("Ready", True, 50), **statuses, **more)
