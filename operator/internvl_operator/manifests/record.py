"""What a running model was made from, kept in annotations of its own Deployment.

It is written in the same request as what runs, so the two cannot disagree. From it come the sticky plan and the
promise that neither a newer operator nor a new node restarts a model.

Why: docs/design/004-sticky-plan-and-record.md
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.v1alpha1 import InternVLDeploymentSpec
from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    MANIFEST_ANNOTATION,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    REVISION_LABEL,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.document import plan_from_document, stored_document
from internvl_operator.planner.plan import Plan

RECORD_VERSION = 2
"""Raised when another operator could no longer compare its inputs with these."""

_BEFORE_SERIES = 1
"""The version that operators read whose resources have no series: they would take any model for an InternVL2."""

MOST_ANNOTATION_BYTES = 256 * 1024
"""Of an object's annotations, names and values (Kubernetes: ``TotalAnnotationSizeLimitB``)."""

_MOST_DIGITS = 9

_INPUT_FIELDS: Any = {
    "series": True,
    "size": True,
    "quantization": True,
    "gpu": True,
    "engine": True,
    "model": True,
    "server": True,
    "pod_template": True,
    "rollout": {"drain_seconds", "restarted_at"},
}
"""The fields that reach plan and pod template. Replicas, Service and NetworkPolicy change without a restart."""

_UNSAID = {"series": INTERNVL2}
"""Values that say no more than leaving the field out."""

_RECORD_ANNOTATIONS = (
    RECORD_VERSION_ANNOTATION,
    INPUTS_ANNOTATION,
    PLAN_ANNOTATION,
    TEMPLATE_ANNOTATION,
)


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in a Deployment's annotations.

    Args:
        inputs: hash of what plan and pod template follow from.
        plan: the plan that runs.
        pod_template: the pod template as applied.
        is_newer: a newer operator wrote it, whose inputs cannot be compared.
        annotations: the record as it is written.
    """

    inputs: str
    plan: Plan
    pod_template: KubernetesObject
    is_newer: bool
    annotations: Mapping[str, str]

    @property
    def revision(self) -> str:
        """The revision that the pod template says that it is."""
        return str(self.pod_template["metadata"]["labels"][REVISION_LABEL])

    def is_of(self, revision: str | None) -> bool:
        """Return whether this is the record of a revision that the resource's status tells of, if it tells of one.

        Whoever may change Deployments may write a record, but not the status of the resource.
        """
        return revision is None or self.revision == revision

    def holds_for(self, inputs: str) -> bool:
        """Return whether what runs follows from these inputs, as far as this operator can tell."""
        return self.is_newer or self.inputs == inputs


class UnreadableRecordError(Exception):
    """A newer operator wrote a record that this one cannot read."""


def digest(value: Any) -> str:
    """Return a short hash of a JSON value that is the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def inputs_of(spec: InternVLDeploymentSpec) -> str:
    """Return the hash of what plan and pod template follow from.

    Only given fields count, so that a field which a newer operator knows does not change the hash. A section in
    which nothing is given, such as ``engine: {}``, says nothing.
    """
    given = spec.model_dump(mode="json", by_alias=True, include=_INPUT_FIELDS, exclude_unset=True)
    return digest({field: value for field, value in given.items() if value and value != _UNSAID.get(field)})


def carries_record(deployment: Mapping[str, Any] | None) -> bool:
    """Return whether a Deployment carries a record, be it one that nobody can read."""
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    return TEMPLATE_ANNOTATION in annotations


def record_of(deployment: Mapping[str, Any] | None) -> Record | None:
    """Return what a Deployment was made from, or None when it carries no record that an operator wrote.

    Raises:
        UnreadableRecordError: a newer operator wrote the record, in a way that this one does not know.
    """
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    is_newer = _version(annotations) > RECORD_VERSION
    try:
        record = Record(
            inputs=annotations[INPUTS_ANNOTATION],
            plan=plan_from_document(json.loads(annotations[PLAN_ANNOTATION])),
            pod_template=json.loads(annotations[TEMPLATE_ANNOTATION]),
            is_newer=is_newer,
            annotations={name: annotations[name] for name in _RECORD_ANNOTATIONS if name in annotations},
        )
        is_whole = record.revision == template_digest(record.pod_template)
    except Exception as error:
        # Whatever somebody wrote there.
        if is_newer:
            raise UnreadableRecordError(f"cannot read {error}") from error
        return None
    # A newer operator may have another hash.
    return record if is_whole or is_newer else None


def template_digest(template: Mapping[str, Any]) -> str:
    """Return the hash of a pod template without the label that tells it."""
    metadata = template["metadata"]
    labels = {name: value for name, value in metadata["labels"].items() if name != REVISION_LABEL}
    return digest({**template, "metadata": {**metadata, "labels": labels}})


def record_bytes(manifests: Iterable[Mapping[str, Any]]) -> int:
    """Return the bytes of the annotations of the Deployment among some manifests, or 0 when there is none."""
    return sum(
        len(name.encode()) + len(value.encode())
        for manifest in manifests
        if manifest["kind"] == "Deployment"
        for name, value in manifest["metadata"]["annotations"].items()
    )


def with_record(
    deployment: KubernetesObject, plan: Plan, inputs: str, stored: Record | None
) -> KubernetesObject:
    """Return a Deployment that carries what it is made from; a newer operator's record stays as it is."""
    if stored is not None and stored.is_newer:
        return annotated(deployment, stored.annotations)
    return annotated(
        deployment,
        {
            RECORD_VERSION_ANNOTATION: str(_BEFORE_SERIES if plan.series == INTERNVL2 else RECORD_VERSION),
            INPUTS_ANNOTATION: inputs,
            PLAN_ANNOTATION: _compact(stored_document(plan)),
            TEMPLATE_ANNOTATION: _compact(deployment["spec"]["template"]),
        },
    )


def with_manifest_hash(manifest: KubernetesObject) -> KubernetesObject:
    """Return a manifest that carries its own hash, by which a field that is no longer wanted shows."""
    return annotated(manifest, {MANIFEST_ANNOTATION: digest(manifest)})


def annotated(manifest: KubernetesObject, annotations: Mapping[str, str]) -> KubernetesObject:
    """Return a manifest with further annotations."""
    metadata = manifest["metadata"]
    return {
        **manifest,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}},
    }


def _version(annotations: Mapping[str, str]) -> int:
    text = annotations.get(RECORD_VERSION_ANNOTATION, "")
    return int(text[:_MOST_DIGITS]) if text.isdecimal() else 0


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
