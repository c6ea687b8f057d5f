"""Names, labels and annotations of the children."""

from internvl_operator.catalog.models import INTERNVL2

ENGINE_CONTAINER = "lmdeploy"
"""The container that serves the model."""

DOWNLOAD_CONTAINER = "model"
"""The init container that fetches the model."""

NAME_LABEL = "internvl.dev/name"
"""The only label in selectors, which Kubernetes never lets change."""

MANAGED_BY = "internvl-operator"
CHILDREN_SELECTOR = NAME_LABEL
"""Selects every child of every resource, by a label that no other tool sets."""

PICKER_LABEL = "internvl.dev/endpoint-picker"
"""On the pods of an endpoint picker: the resource's name. They must not have ``NAME_LABEL``: the Service would take
them for replicas."""

PICKER_SUFFIX = "-picker"
"""What the names of an endpoint picker's objects have behind the resource's name."""

SERIES_LABEL = "internvl.dev/series"
"""The series of the model. No selector has it, and neither have the children of InternVL2: their pods ran before the
label existed, and a new label would restart them."""

REVISION_LABEL = "internvl.dev/revision"
"""On pods: the hash of the pod template that they are made from."""

PLACEMENT_ANNOTATION = "internvl.dev/placement"
"""On pods: the hash of what they need of a node. Two revisions with the same hash compete for the same GPUs."""

RESTARTED_ANNOTATION = "internvl.dev/restarted-at"
"""On pods: ``spec.rollout.restartedAt``."""

TERMINATE_FIRST_ANNOTATION = "internvl.dev/terminate-first"
"""On a Deployment: the revision for which old pods stop before new ones start."""

RECORD_VERSION_ANNOTATION = "internvl.dev/record"
INPUTS_ANNOTATION = "internvl.dev/inputs"
PLAN_ANNOTATION = "internvl.dev/plan"
TEMPLATE_ANNOTATION = "internvl.dev/pod-template"
MANIFEST_ANNOTATION = "internvl.dev/manifest"


def selector(name: str) -> dict[str, str]:
    """Return the labels that select the pods of one resource.

    Example:
        >>> selector("captions")
        {'internvl.dev/name': 'captions'}
    """
    return {NAME_LABEL: name}


def picker_name(name: str) -> str:
    """Return the name of the objects of a resource's endpoint picker."""
    return name + PICKER_SUFFIX


def picker_selector(name: str) -> dict[str, str]:
    """Return the labels that select the pods of a resource's endpoint picker."""
    return {PICKER_LABEL: name}


def child_labels(name: str, series: str = INTERNVL2) -> dict[str, str]:
    """Return the labels that every child of a resource carries, and its pods."""
    labels = {
        "app.kubernetes.io/name": "internvl",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        NAME_LABEL: name,
    }
    return labels if series == INTERNVL2 else labels | {SERIES_LABEL: series}
