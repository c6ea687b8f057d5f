"""The PersistentVolumeClaim that keeps what is downloaded.

Of a claim's spec only the size can change, and only grow. What cannot be is not asked for again and again: the manifest
takes from the live claim what is fixed there, and the difference is told.
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
        # Whoever chose it, a class that was applied once can neither change nor be left out any more.
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


def unmet_claim(resource: InternVLDeployment, live: Mapping[str, Any] | None) -> str | None:
    """Return what of a resource's cache its live claim cannot become, and what to do; None when there is nothing."""
    if live is None or not owns_claim(resource):
        return None
    asked = {
        "storageClassName": resource.spec.model.cache.storage_class_name,
        "accessMode": _access_mode(resource),
    }
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
    """Return the size that is asked for, or the live claim's when that is larger: a claim never shrinks."""
    asked = resource.spec.model.cache.size
    assert asked is not None, "owns_claim says whether there is a claim"
    if live is None:
        return asked
    have: str = live["spec"]["resources"]["requests"]["storage"]
    return max(asked, have, key=parse_quantity)
