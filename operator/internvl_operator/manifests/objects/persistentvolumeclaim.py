"""The PersistentVolumeClaim that keeps what is downloaded.

Only the size of a claim can change, and it can only grow. For all other fields the manifest repeats what the live claim
has, so that the operator does not ask again and again for the impossible; ``unmet_claim`` reports the difference.
"""

from collections.abc import Mapping
from typing import Any

from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.labels import child_labels
from internvl_operator.manifests.template import KubernetesObject, render
from internvl_operator.text.quantity import parse_quantity


def owns_claim(resource: InternVLDeployment) -> bool:
    """Return whether a claim is made for a resource."""
    return resource.spec.model.cache.size is not None


def asks_for_claim(body: Mapping[str, Any]) -> bool:
    """Return whether a claim is made for a resource that may be one that cannot be parsed."""
    size = body
    for field in ("spec", "model", "cache", "size"):
        size = size.get(field) if isinstance(size, Mapping) else None  # type: ignore[assignment]
    return size is not None


def persistent_volume_claim(
    resource: InternVLDeployment, live: Mapping[str, Any] | None = None
) -> KubernetesObject:
    """Return the claim of a resource.

    Args:
        resource: a resource whose cache has a size.
        live: the claim as the API server has it, if there is one.
    """
    name, cache = resource.metadata.name, resource.spec.model.cache
    access_mode, storage_class_name = _access_mode(resource), cache.storage_class_name
    if live is not None:
        access_mode = live["spec"]["accessModes"][0]
        # A storage class can neither change nor be removed once it is set, whoever set it.
        storage_class_name = live["spec"].get("storageClassName")
    return render(
        "persistentvolumeclaim",
        {
            "name": name,
            "namespace": resource.metadata.namespace,
            "labels": child_labels(name, resource.spec.given_series),
            "access_mode": access_mode,
            "storage_class_name": storage_class_name,
            "size": _size(resource, live),
        },
    )


def size_of(live: Mapping[str, Any] | None) -> str:
    """Return the size that a live claim asks for; empty without a claim."""
    return str(live["spec"]["resources"]["requests"]["storage"]) if live else ""


def unmet_claim(resource: InternVLDeployment, live: Mapping[str, Any] | None) -> str | None:
    """Return how a live claim differs from the spec in fields that cannot change, and what to do, or None."""
    if live is None or not owns_claim(resource):
        return None
    cache = resource.spec.model.cache
    # What the spec does not say is met by whatever the claim has.
    asked = {"storageClassName": cache.storage_class_name, "accessMode": cache.access_mode}
    have = {
        "storageClassName": live["spec"].get("storageClassName", "none"),
        "accessMode": live["spec"]["accessModes"][0],
    }
    differences = [
        f"{field} is {have[field]}, not {wanted}"
        for field, wanted in asked.items()
        if wanted not in (None, have[field])
    ]
    if not differences:
        return None
    return (
        f"the PersistentVolumeClaim cannot change: its {' and its '.join(differences)}; write back what it has, or "
        "remove model.cache, wait until the claim is gone, and write it again: the model is then downloaded again"
    )


def _access_mode(resource: InternVLDeployment) -> str:
    return "ReadWriteOnce" if resource.spec.model.cache.is_exclusive else "ReadWriteMany"


def _size(resource: InternVLDeployment, live: Mapping[str, Any] | None) -> str:
    """Return the size in the spec, or that of the live claim when it is larger: a claim cannot shrink."""
    asked = resource.spec.model.cache.size
    assert asked is not None, "owns_claim says whether there is a claim"
    if live is None:
        return asked
    have: str = live["spec"]["resources"]["requests"]["storage"]
    return max(asked, have, key=parse_quantity)
