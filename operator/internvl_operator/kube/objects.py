"""What every Kubernetes object has in the same place: key, version, controller and conditions."""

from collections.abc import Mapping
from typing import Any

from internvl_operator.kube.port import Key

Condition = Mapping[str, Any]


def key_of(body: Mapping[str, Any]) -> Key:
    """Return an object's namespace and name."""
    metadata = body["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def suffixed(key: Key, suffix: str) -> Key:
    """Return the key of the child whose name has a suffix behind the resource's name."""
    return Key(key.namespace, key.name + suffix)


def version_of(body: Mapping[str, Any]) -> int:
    """Return an object's resourceVersion, which Kubernetes defines as an increasing number."""
    return int(body["metadata"].get("resourceVersion") or 0)


def controller_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the owner reference of an object's controller."""
    owners = body["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def is_controlled_by(body: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Return whether an object's controller is this owner, by uid: a deleted owner may have had the same name."""
    controller = controller_of(body)
    return controller is not None and bool(controller["uid"] == owner["metadata"]["uid"])


def condition_of(status: Mapping[str, Any], type_: str) -> Condition | None:
    """Return the condition of a type in an object's status, or None when the status has none."""
    return next((item for item in status.get("conditions") or () if item["type"] == type_), None)


def is_true(status: Mapping[str, Any], type_: str) -> bool:
    """Return whether a status has a condition of a type, and its status is True."""
    condition = condition_of(status, type_)
    return condition is not None and bool(condition["status"] == "True")


def is_ready_to_serve(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod is ready and not being deleted: whether a Service sends it requests."""
    return "deletionTimestamp" not in pod["metadata"] and is_true(pod.get("status", {}), "Ready")
