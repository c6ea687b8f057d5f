"""The body of a Kubernetes Event."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from internvl_operator.kube.port import ClusterEvent, KubernetesObject

FIELD_MANAGER = "internvl-operator"
"""Who owns the fields that the operator applies, and whose Events these are."""


def event_body(subject: Mapping[str, Any], event: ClusterEvent, now: datetime) -> KubernetesObject:
    """Return the Event object about a resource, with the present time."""
    metadata = subject["metadata"]
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    identity = f"{metadata['uid']} {event.reason} {event.message} {now.isoformat()}"
    suffix = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{suffix}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": subject["apiVersion"],
            "kind": subject["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:1024],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
    }
