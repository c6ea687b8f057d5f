"""Which fields of a watched object are kept: those that somebody compares.

A Pod is some 8 KB of JSON, of which a small part says what is wrong with it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from internvl_operator.kube.kinds import POD, RESOURCE, SCALED_OBJECT
from internvl_operator.kube.port import Kind, KubernetesObject
from internvl_operator.manifests.labels import NAME_LABEL, PLACEMENT_ANNOTATION, REVISION_LABEL

POD_TEMPLATE_HASH = "pod-template-hash"
"""The label by which a Deployment's controller distinguishes the pods of its revisions."""

_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
)
_POD_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_POD_LABELS = (NAME_LABEL, POD_TEMPLATE_HASH, REVISION_LABEL)
_POD_ANNOTATIONS = (PLACEMENT_ANNOTATION,)
_OWNER = ("apiVersion", "kind", "name", "uid", "controller")
_POD_STATUS = ("phase", "reason", "message")
_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER = ("name", "ready", "started", "restartCount", "state", "lastState")

_STATUS_OF_OTHERS = ("performance",)
"""Fields of a resource's status that others write: the operator neither compares nor writes them."""


def kept(kind: Kind, body: Mapping[str, Any]) -> KubernetesObject:
    """Return an object without the fields that nobody compares; what is kept already stays as it is."""
    if kind == POD:
        return _pod(body)
    if kind == SCALED_OBJECT:
        return _scaled_object(body)
    return _resource(body) if kind == RESOURCE else _object(body)


def identity(body: Mapping[str, Any]) -> KubernetesObject:
    """Return the name and namespace of an object, and nothing else."""
    return {"metadata": _fields(body["metadata"], ("name", "namespace"))}


def _object(body: Mapping[str, Any]) -> KubernetesObject:
    sections = {section: body[section] for section in ("spec", "status") if section in body}
    return {"metadata": _fields(body["metadata"], _METADATA), **sections}


def _scaled_object(body: Mapping[str, Any]) -> KubernetesObject:
    """Leave out when a request came last, which KEDA writes every second: each would be a change."""
    found = _object(body)
    conditions = (body.get("status") or {}).get("conditions")
    return {**found, "status": {"conditions": _each(conditions, _CONDITION[:4])}}


def _resource(body: Mapping[str, Any]) -> KubernetesObject:
    found = _object(body)
    status = found.get("status")
    if isinstance(status, dict):
        found["status"] = {name: status[name] for name in status if name not in _STATUS_OF_OTHERS}
    return found


def _pod(body: Mapping[str, Any]) -> KubernetesObject:
    metadata, status = body["metadata"], body.get("status", {})
    return {
        "metadata": {
            **_fields(metadata, _POD_METADATA),
            "labels": _fields(metadata.get("labels") or {}, _POD_LABELS),
            "annotations": _fields(metadata.get("annotations") or {}, _POD_ANNOTATIONS),
            "ownerReferences": _each(metadata.get("ownerReferences"), _OWNER),
        },
        "spec": _fields(body.get("spec", {}), ("nodeName",)),
        "status": {
            **_fields(status, _POD_STATUS),
            "conditions": _each(status.get("conditions"), _CONDITION),
            "initContainerStatuses": _each(status.get("initContainerStatuses"), _CONTAINER),
            "containerStatuses": _each(status.get("containerStatuses"), _CONTAINER),
        },
    }


def _fields(source: Mapping[str, Any], names: Iterable[str]) -> KubernetesObject:
    return {name: source[name] for name in names if name in source}


def _each(items: Iterable[Mapping[str, Any]] | None, names: Iterable[str]) -> list[KubernetesObject]:
    return [_fields(item, names) for item in items or ()]
